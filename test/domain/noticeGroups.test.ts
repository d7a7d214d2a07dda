/** What a group of deliveries says to support and pager, and when (docs/notifications.md#groups). */
import { describe, expect, test } from '@jest/globals';
import { groupNotice } from '../../domain/notices/groupNotice';
import {
  type GroupFacts,
  type GroupLimits,
  nextStep,
  NO_MEMBERS,
  type OpenGroup,
  topLevel,
} from '../../domain/notices/noticeGroup';

const MINUTE = 60_000;
const OPENED = Date.UTC(2026, 10, 23, 9, 30);
const LIMITS: GroupLimits = { updateMs: MINUTE, repeatMs: 10 * MINUTE, minuteMs: MINUTE };
const PAGER: OpenGroup = {
  to: 'pager',
  cityId: 'testville',
  zoneId: 'west',
  cause: 'UNASSIGNED',
  level: 3,
  openedAt: OPENED,
  alertedAt: OPENED,
  toldAt: OPENED,
  toldCount: 1,
};
const CHAT: OpenGroup = { ...PAGER, to: 'support', level: 1 };

const facts = (count: number, more: Partial<GroupFacts> = {}): GroupFacts => ({
  count,
  byLevel: { 1: 0, 2: 0, 3: count },
  longestMs: 48 * MINUTE,
  lastEscalatedAt: OPENED,
  deliveryIds: ['d-1', 'd-2'].slice(0, count),
  freeDrivers: 3,
  ...more,
});
const step = (group: OpenGroup, of: GroupFacts, afterMs: number) =>
  nextStep(group, of, LIMITS, OPENED + afterMs);
const noticeOf = (
  group: OpenGroup,
  how: 'update' | 'repeat' | 'resolve',
  of: GroupFacts,
  afterMs = MINUTE,
) => {
  const message = groupNotice(group, how, { facts: of, limits: LIMITS, now: OPENED + afterMs });
  if (message.kind !== 'notify') throw new Error(message.kind);
  expect(message.group).toBeUndefined(); // it is sent, whatever is open
  return message.notice;
};

describe('a group', () => {
  test('is brought up to date at most once in the interval', () => {
    expect(step(CHAT, facts(300), MINUTE - 1)).toBe('nothing');
    expect(step(CHAT, facts(300), MINUTE)).toBe('update');
  });

  test.each([
    ['support', 40, 49, 'nothing'],
    ['support', 40, 50, 'update'],
    ['support', 1, 2, 'update'],
    ['support', 40, 21, 'nothing'],
    ['support', 40, 20, 'update'],
    ['pager', 40, 79, 'nothing'],
    ['pager', 40, 80, 'update'],
    ['pager', 40, 20, 'update'],
    ['pager', 40, 40, 'nothing'],
  ] as const)('of %s, told of %i and now of %i: %s', (to, toldCount, count, expected) => {
    expect(step({ ...PAGER, to, toldCount }, facts(count), MINUTE)).toBe(expected);
  });

  test('says small changes with the next repeat at the latest, and none where nothing changed', () => {
    const told = { ...CHAT, toldCount: 40 };
    expect(step(told, facts(41), 10 * MINUTE)).toBe('update');
    expect(step(told, facts(40), 60 * MINUTE)).toBe('nothing');
  });

  test('is over when nobody is left, at once', () => {
    expect(step(PAGER, NO_MEMBERS, 0)).toBe('resolve');
  });

  test('pages again every ten minutes while a delivery’s own timer says so, and support never', () => {
    const due = facts(40, { lastEscalatedAt: OPENED + 10 * MINUTE });
    expect(step(PAGER, due, 10 * MINUTE)).toBe('repeat');
    expect(step({ ...PAGER, alertedAt: OPENED + 5 * MINUTE }, due, 10 * MINUTE)).not.toBe('repeat');
    expect(step({ ...CHAT, toldCount: 40 }, due, 10 * MINUTE)).toBe('nothing');
  });

  test('does not page again while no timer runs, as with escalation off', () => {
    expect(step({ ...PAGER, toldCount: 40 }, facts(40), 60 * MINUTE)).toBe('nothing');
  });

  test('names another delivery that has taken the place of the one that was named', () => {
    expect(step(PAGER, facts(1, { lastEscalatedAt: OPENED + 1 }), MINUTE)).toBe('update');
    expect(step(CHAT, facts(1, { lastEscalatedAt: OPENED + 1 }), MINUTE)).toBe('nothing');
  });

  test('falls to the level of those who are left', () => {
    expect(topLevel(facts(3, { byLevel: { 1: 2, 2: 1, 3: 0 } }))).toBe(2);
    expect(topLevel(NO_MEMBERS)).toBe(0);
  });
});

describe('the notice of a group', () => {
  const MANY = facts(40, { byLevel: { 1: 200, 2: 60, 3: 40 } });

  test('says how many wait, for how long, by level, with how many free drivers, and where to look', () => {
    expect(noticeOf(PAGER, 'update', MANY)).toEqual({
      to: { kind: 'pager' },
      about: 'zone/testville/west/UNASSIGNED',
      alert: 'zone/testville/west/UNASSIGNED/2026-11-23T09:30:00.000Z',
      what: 'open',
      severity: 'critical',
      title: 'No driver for 40 deliveries of level 3 in west, testville, the longest for 48 minutes',
      text:
        'Newest: d-1, d-2. By level: 200 of level 1, 60 of level 2, 40 of level 3. ' +
        'The longest: 48 minutes. Free drivers: 3.',
      link: '/v2/ops/escalations?cityId=testville&zoneId=west&level=3',
      cityId: 'testville',
      facts: {
        zoneId: 'west',
        cause: 'UNASSIGNED',
        waiting: 40,
        level1: 200,
        level2: 60,
        level3: 40,
        longestMinutes: 48,
        freeDrivers: 3,
        deliveryId: null,
      },
      at: OPENED + MINUTE,
    });
  });

  test('of one delivery names it, with its link', () => {
    expect(noticeOf(PAGER, 'update', facts(1))).toMatchObject({
      title: 'Level 3: no driver for 48 minutes',
      link: '/v2/deliveries/d-1',
      facts: { deliveryId: 'd-1' },
    });
  });

  test('that repeats the page opens an alert of its own, and ends the ones before', () => {
    const again = { ...PAGER, alertedAt: OPENED + 10 * MINUTE };
    const alertAt = (time: string) => `zone/testville/west/UNASSIGNED/2026-11-23T${time}:00.000Z`;
    expect(noticeOf(again, 'repeat', MANY, 20 * MINUTE)).toMatchObject({
      what: 'open',
      alert: alertAt('09:50'),
      endsAlerts: [alertAt('09:30'), alertAt('09:40')],
    });
    expect(noticeOf(again, 'resolve', NO_MEMBERS, 25 * MINUTE)).toMatchObject({
      what: 'resolved',
      severity: 'info',
      title: 'No delivery of level 3 is without a driver in west, testville',
      endsAlerts: [alertAt('09:30'), alertAt('09:40')],
    });
  });

  test('to support is a warning below level 2, with a link to the deliveries, which have no case yet', () => {
    const low = facts(7, { byLevel: { 1: 7, 2: 0, 3: 0 } });
    expect(noticeOf(CHAT, 'update', low)).toMatchObject({
      severity: 'warning',
      link: '/v2/deliveries?cityId=testville&status=SEARCHING',
    });
    expect(noticeOf(CHAT, 'update', MANY)).toMatchObject({
      severity: 'error',
      link: '/v2/ops/escalations?cityId=testville&zoneId=west&reason=UNASSIGNED',
    });
  });

  test('of another cause says what it is, and of a city without zones names the city', () => {
    const group: OpenGroup = { ...CHAT, zoneId: null, cause: 'WINDOW_AT_RISK', level: 0 };
    expect(noticeOf(group, 'update', facts(5, { byLevel: { 1: 0, 2: 0, 3: 0 } }))).toMatchObject({
      about: 'zone/testville/-/WINDOW_AT_RISK',
      severity: 'error',
      title: 'Support queue: 5 deliveries in testville: the delivery is not expected within its window',
      link: '/v2/ops/escalations?cityId=testville&reason=WINDOW_AT_RISK',
    });
    expect(noticeOf(group, 'resolve', NO_MEMBERS)).toMatchObject({
      title: 'No case is left in testville: the delivery is not expected within its window',
    });
  });
});
