/** The map of commands: its names on the wire, and that a command is defined nowhere else. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { COMMANDS } from '../../workflows/contract';

const PROJECT = join(__dirname, '../..');
const by = { kind: 'driver', id: 'd' } as const;
const REQUEST = { deliveryId: 'x', scope: 'driver/d/key-k', hasKey: true };
const NO_KEY = { deliveryId: 'x', scope: 'driver/d/1', hasKey: false };

describe('the map of commands', () => {
  test('begins with the commands of 2.1.0 in the order of recorded histories', () => {
    expect(Object.keys(COMMANDS).slice(0, 11)).toEqual([
      'acceptOffer',
      'rejectOffer',
      'takeStep',
      'failDelivery',
      'cancelDelivery',
      'assignDriver',
      'handOver',
      'leaveDelivery',
      'rescueDelivery',
      'raisePay',
      'resumeSearch',
    ]);
  });

  test('has the same name for a command, its update and its event', () => {
    for (const [key, { name, update }] of Object.entries(COMMANDS))
      expect([name, update.name]).toEqual([key, key]);
  });

  test('makes an event from a payload by omitting the correlation id', () => {
    const payload = { bonusCents: 300, by, why: 'rain', correlationId: 'c' };
    expect(COMMANDS.raisePay.eventOf(payload)).toEqual({
      kind: 'raisePay',
      bonusCents: 300,
      by,
      why: 'rain',
    });
  });
});

describe('the update id', () => {
  const { acceptOffer, rejectOffer, takeStep, leaveDelivery, rescueDelivery } = COMMANDS;

  test('of an answer to an offer is the offer and the driver', () => {
    const answer = { offerId: 'o', driverId: 'd', correlationId: 'c' };
    expect(acceptOffer.updateId(answer)).toBe('accept/o/d');
    expect(rejectOffer.updateId({ ...answer, reason: 'TOO_FAR' })).toBe('reject/o/d');
  });

  test('of a step is its key, or else the status at the request', () => {
    const step = { step: 'pickUp', by, deviceAt: null, correlationId: 'c' } as const;
    const state = { assignmentId: null, status: 'AT_PICKUP' };
    expect(takeStep.updateId(step, { ...REQUEST, ...state })).toBe('step/x/driver/d/key-k');
    expect(takeStep.updateId(step, { ...NO_KEY, ...state })).toBe('step/pickUp/none/AT_PICKUP/driver');
    expect(takeStep.updateId(step, { ...NO_KEY, ...state, assignmentId: 'a' })).toBe(
      'step/pickUp/a/AT_PICKUP/driver',
    );
  });

  test('of a leave is its key, or else the assignment, or after pickup the request', () => {
    const leave = { driverId: 'd', assignmentId: 'a', reason: 'OTHER', correlationId: 'c' } as const;
    expect(leaveDelivery.updateId(leave, { ...REQUEST, hasGoods: true })).toBe('leave/x/driver/d/key-k');
    expect(leaveDelivery.updateId(leave, { ...NO_KEY, hasGoods: false })).toBe('leave/a');
    expect(leaveDelivery.updateId(leave, { ...NO_KEY, hasGoods: true })).toBe('leave/a/driver/d/1');
  });

  test('of a rescue is the rescue and the delivery', () => {
    const rescue = { driverId: 'd', offerId: null, assignmentId: 'a', by, why: 'w', correlationId: 'c' };
    expect(rescueDelivery.updateId(rescue, { rescueId: 'r', deliveryId: 'x' })).toBe('rescue/r/x');
  });

  test('of every other command is the request', () => {
    const act = { by, why: 'w', correlationId: 'c' };
    const given = { ...act, driverId: 'd', override: false };
    expect([
      COMMANDS.failDelivery.updateId({ ...act, reason: 'DAMAGED', goods: 'LOST' }, REQUEST),
      COMMANDS.cancelDelivery.updateId({ ...act, reason: 'OPS_CANCELLED' }, REQUEST),
      COMMANDS.assignDriver.updateId(given, REQUEST),
      COMMANDS.handOver.updateId({ ...given, meetingId: null }, REQUEST),
      COMMANDS.raisePay.updateId({ ...act, bonusCents: 1 }, REQUEST),
      COMMANDS.resumeSearch.updateId(act, REQUEST),
      COMMANDS.changeOrder.updateId({ changeId: 'c', by, correlationId: 'c' }, REQUEST),
      COMMANDS.searchFarther.updateId({ ...act, radiusMeters: 1 }, REQUEST),
    ]).toEqual(
      [
        'fail',
        'cancel',
        'assign',
        'handOver',
        'raisePay',
        'resumeSearch',
        'changeOrder',
        'searchFarther',
      ].map((verb) => `${verb}/x/driver/d/key-k`),
    );
  });
});

describe('a command', () => {
  const HOMES = ['workflows/commands.ts', 'domain/delivery/', 'api/routes/'];
  /**
   * A hand-over looks up its meeting point, a change what it changes, and a rescue is also a signal. An act on
   * a zone is one of three commands to each of its deliveries.
   */
  const KNOWN = [
    'adapters/temporal/dispatcher.ts: cancelDelivery',
    'adapters/temporal/dispatcher.ts: raisePay',
    'adapters/temporal/dispatcher.ts: searchFarther',
    'domain/zones/zoneAct.ts: cancelDelivery',
    'domain/zones/zoneAct.ts: raisePay',
    'domain/zones/zoneAct.ts: searchFarther',
    'services/deliveries/deliveryEvents.ts: changeOrder',
    'services/deliveries/deliveryEvents.ts: handOver',
    'services/zones/zoneActs.ts: raisePay',
    'workflows/delivery.ts: rescueDelivery',
  ];
  const FOLDERS = ['domain', 'workflows', 'services', 'activities', 'adapters', 'api', 'worker'];
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file}`,
    ),
  ).filter((file) => file.endsWith('.ts') && !HOMES.some((home) => file.startsWith(home)));

  test('is named in the map, in its rule and in its route, and nowhere else', () => {
    const named = files.flatMap((file) => {
      const words = new Set(readFileSync(join(PROJECT, file), 'utf8').match(/\w+/g));
      return Object.keys(COMMANDS).flatMap((name) => (words.has(name) ? [`${file}: ${name}`] : []));
    });
    expect(named.sort()).toEqual(KNOWN);
  });
});
