/**
 * Deliveries of one zone that wait are told together: over real PostgreSQL and the real outbox, to servers that take
 * pages and chat (docs/notifications.md#groups).
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createPagerDutyNotifier } from '../../adapters/notify/pagerDutyNotifier';
import { createSlackNotifier } from '../../adapters/notify/slackNotifier';
import { enqueue, takeDue } from '../../adapters/postgres/outbox';
import { poolReader } from '../../adapters/postgres/database';
import { ESCALATION_LIMITS } from '../../domain/delivery/escalation';
import type { Message } from '../../domain/notices/message';
import type { Notice } from '../../domain/notices/notice';
import { createNoticeGroups, type NoticeGroupsReport } from '../../services/noticeGroups';
import { createNotices, type Notifiers } from '../../services/notices';
import { LANES } from '../../services/outbox/outboxRelay';
import { createSupportCases } from '../../services/supportCases';
import { createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import { type Receiver, startReceiver } from '../support/receiver';

const MINUTE = 60_000;
const OPS = { kind: 'ops', id: 'olga' } as const;

let world: DispatchWorld;
let chat: Receiver;
let pager: Receiver;
beforeAll(async () => {
  [world, chat, pager] = await Promise.all([createDispatchWorld(), startReceiver(), startReceiver()]);
});
afterEach(async () => {
  [chat, pager].forEach((receiver) => receiver.reset());
  await world.db.outboxMessage.deleteMany();
  await world.db.noticeGroup.deleteMany();
});
afterAll(() => Promise.all([world.close(), chat.close(), pager.close()]));

/** An instant ahead of the clock: no activity takes a later one for it. */
const soon = (): number => Date.now() + 60 * MINUTE;

/** A city with these zones. */
async function cityWith(...zones: string[]): Promise<{ cityId: string; zoneIds: string[] }> {
  const cityId = await world.addCity();
  const zoneIds = zones.map((zone) => `${zone}-${cityId}`);
  const polygon = { type: 'Polygon', coordinates: [] };
  await world.db.zone.createMany({ data: zoneIds.map((id) => ({ id, cityId, name: id, polygon })) });
  return { cityId, zoneIds };
}

/** Deliveries of a zone, each without a driver for so long at `now`. */
async function waiting(
  place: { cityId: string; zoneId: string | null },
  { count, now, minutes }: { count: number; now: number; minutes: number },
): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const some = Array.from({ length: Math.min(10, count - ids.length) }, () => world.addDelivery(place));
    ids.push(...(await Promise.all(some)).map(({ deliveryId }) => deliveryId));
  }
  await world.db.delivery.updateMany({
    where: { id: { in: ids } },
    data: {
      status: 'SEARCHING',
      zoneId: place.zoneId,
      unassignedSince: new Date(now - minutes * MINUTE),
      searchAgainAt: new Date(now + 600 * MINUTE),
    },
  });
  return ids;
}

/** Their timers go off, some at the same moment. */
async function escalate(ids: readonly string[], at: number): Promise<void> {
  for (let from = 0; from < ids.length; from += 10)
    await Promise.all(
      ids
        .slice(from, from + 10)
        .map((deliveryId) =>
          world.activities.escalate({ deliveryId, correlationId: 'test', at, event: { kind: 'escalate' } }),
        ),
    );
}

const cancel = (ids: readonly string[], at: number): Promise<unknown> =>
  Promise.all(
    ids.map((deliveryId) =>
      world.activities.cancelDelivery({
        deliveryId,
        correlationId: 'test',
        at,
        event: { kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' },
      }),
    ),
  );

const sweep = (at: number): Promise<NoticeGroupsReport> =>
  createNoticeGroups({
    db: world.db,
    clock: () => at,
    limits: { ...ESCALATION_LIMITS, updateMs: MINUTE },
  }).bringUpToDate();

/** All notices of a city, oldest first, sent or not. */
async function noticesIn(cityId: string, to: 'support' | 'pager' = 'pager'): Promise<Notice[]> {
  const rows = await world.db.outboxMessage.findMany({ where: { kind: 'notify' }, orderBy: { id: 'asc' } });
  return rows
    .map(({ payload }) => (payload as { notice: Notice }).notice)
    .filter((notice) => notice.cityId === cityId && notice.to.kind === to);
}
const titlesIn = async (cityId: string, to: 'support' | 'pager' = 'pager'): Promise<string[]> =>
  (await noticesIn(cityId, to)).map(({ what, title }) => `${what}: ${title}`);

/** A worker that sends what is in the outbox to both servers. */
function worker(): { stop(): Promise<void> } {
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const notifiers: Notifiers = {
    support: createSlackNotifier({ url: chat.url, publicUrl: null }),
    pager: createPagerDutyNotifier({ url: pager.url, routingKey: 'key', publicUrl: null }),
    driver: { channel: 'web_push', notify: async () => 'not_needed' },
  };
  const notify = createNotices({ notifiers, clock: Date.now, maxAgeMs: 600 * MINUTE, log });
  return world.relayTo(async (message) => (message.kind === 'notify' ? notify(message.notice) : undefined));
}
const allSent = (): Promise<true> =>
  eventually(
    'all notices are sent',
    async () => (await world.db.outboxMessage.count({ where: { kind: 'notify', sentAt: null } })) === 0,
  );
type PagerEvent = { event_action: string; dedup_key: string; payload?: { summary: string } };
const pages = (): PagerEvent[] => pager.bodies() as PagerEvent[];

describe('deliveries of one zone at level 3', () => {
  test('page once, are told together, page again once after ten minutes, and end once', async () => {
    const { cityId, zoneIds } = await cityWith('west');
    const zoneId = zoneIds[0] ?? '';
    const now = soon();
    const own = worker();
    const ids = await waiting({ cityId, zoneId }, { count: 300, now, minutes: 30 });
    await escalate(ids, now);
    expect(await world.db.escalation.count({ where: { cityId, level: 3, state: 'OPEN' } })).toBe(300);
    expect(await world.db.auditEntry.count({ where: { cityId, kind: 'escalated' } })).toBe(300);
    for (let minute = 1; minute <= 9; minute += 1) await sweep(now + minute * MINUTE);
    await allSent();
    const about = `zone/${cityId}/${zoneId}/UNASSIGNED`;
    const alert = `${about}/${new Date(now).toISOString()}`;
    expect(pages().map(({ event_action, dedup_key }) => [event_action, dedup_key])).toEqual([
      ['trigger', alert],
      ['trigger', alert],
    ]);
    expect(pages()[1]?.payload?.summary).toBe(
      `No driver for 300 deliveries of level 3 in ${zoneId}, ${cityId}, the longest for 31 minutes`,
    );
    expect(chat.bodies()).toHaveLength(2);

    pager.reset();
    await escalate(ids, now + 10 * MINUTE);
    await Promise.all([1, 2, 3].map(() => sweep(now + 10 * MINUTE)));
    await allSent();
    expect(pages().map(({ event_action, dedup_key }) => [event_action, dedup_key])).toEqual([
      ['trigger', `${about}/${new Date(now + 10 * MINUTE).toISOString()}`],
      ['resolve', alert],
    ]);

    pager.reset();
    await cancel(ids, now + 11 * MINUTE);
    await Promise.all([1, 2, 3].map(() => sweep(now + 12 * MINUTE)));
    await sweep(now + 13 * MINUTE);
    await allSent();
    expect((await titlesIn(cityId)).filter((title) => title.startsWith('resolved'))).toHaveLength(1);
    expect(
      pages()
        .map(({ event_action }) => event_action)
        .every((action) => action === 'resolve'),
    ).toBe(true);
    expect(await world.db.noticeGroup.count({ where: { cityId } })).toBe(0);
    await own.stop();
  }, 60_000);

  test('one alone is named, with its link, at once', async () => {
    const { cityId, zoneIds } = await cityWith('west');
    const now = soon();
    const [deliveryId = ''] = await waiting(
      { cityId, zoneId: zoneIds[0] ?? '' },
      { count: 1, now, minutes: 30 },
    );
    await escalate([deliveryId], now);
    expect(await noticesIn(cityId)).toMatchObject([
      {
        title: 'Level 3: no driver for 30 minutes',
        link: `/v2/deliveries/${deliveryId}`,
        facts: { deliveryId },
      },
    ]);
    await sweep(now + 5 * MINUTE);
    expect(await noticesIn(cityId)).toHaveLength(1);
    await escalate([deliveryId], now + 10 * MINUTE);
    await sweep(now + 10 * MINUTE);
    expect((await noticesIn(cityId)).at(-1)).toMatchObject({
      title: 'Level 3: no driver for 40 minutes',
      link: `/v2/deliveries/${deliveryId}`,
    });
  });

  test('of two zones are two groups, and those outside zones a third', async () => {
    const { cityId, zoneIds } = await cityWith('west', 'east');
    const now = soon();
    for (const zoneId of [...zoneIds, null]) {
      const ids = await waiting({ cityId, zoneId }, { count: 3, now, minutes: 30 });
      await escalate(ids, now);
    }
    expect(await titlesIn(cityId)).toHaveLength(3);
    await sweep(now + MINUTE);
    const places = [...zoneIds.map((zoneId) => `${zoneId}, ${cityId}`), cityId];
    expect((await titlesIn(cityId)).slice(3).sort()).toEqual(
      places
        .map((at) => `open: No driver for 3 deliveries of level 3 in ${at}, the longest for 31 minutes`)
        .sort(),
    );
  });
});

describe('a group', () => {
  test('tells support of each level that is first reached, and again once the level had fallen', async () => {
    const { cityId } = await cityWith();
    const now = soon();
    const place = { cityId, zoneId: null };
    const low = await waiting(place, { count: 5, now, minutes: 5 });
    await escalate(low, now);
    const [first = '', second = ''] = await waiting(place, { count: 2, now, minutes: 15 });
    await escalate([first], now);
    await escalate([second], now);
    expect(await titlesIn(cityId, 'support')).toEqual([
      'open: Level 1: no driver for 5 minutes',
      'open: Support queue: no driver found, level 2',
    ]);
    await cancel([first, second], now);
    await sweep(now + 1);
    const [third = ''] = await waiting(place, { count: 1, now, minutes: 15 });
    await escalate([third], now + 2);
    expect((await titlesIn(cityId, 'support')).at(-1)).toBe('open: Support queue: no driver found, level 2');
    expect(await titlesIn(cityId, 'support')).toHaveLength(3);
  });

  test('that a delivery joins while it ends is told anew: nobody waits unpaged', async () => {
    const { cityId } = await cityWith();
    const now = soon();
    const place = { cityId, zoneId: null };
    for (let turn = 0; turn < 10; turn += 1) {
      const at = now + turn * MINUTE;
      const [leaving = ''] = await waiting(place, { count: 1, now: at, minutes: 30 });
      const [joining = ''] = await waiting(place, { count: 1, now: at, minutes: 30 });
      await escalate([leaving], at);
      await cancel([leaving], at);
      await Promise.all([sweep(at + 1), escalate([joining], at + 1), sweep(at + 1)]);
      const key = `pager/zone/${cityId}/-/UNASSIGNED`;
      expect(await world.db.noticeGroup.findUnique({ where: { key } })).not.toBeNull();
      expect((await noticesIn(cityId)).at(-1)?.what).toBe('open');
      await cancel([joining], at + 2);
      await sweep(at + 3);
    }
  });

  test('is brought up to date though a worker dies in the middle: nothing is lost or told twice', async () => {
    const { cityId } = await cityWith();
    const now = soon();
    const ids = await waiting({ cityId, zoneId: null }, { count: 20, now, minutes: 30 });
    await escalate(ids, now);
    // One dies within its transaction: it is as if it had not begun.
    let looks = 0;
    const dying = createNoticeGroups({
      db: world.db,
      clock: () => {
        looks += 1;
        if (looks > 1) throw new Error('killed');
        return now + MINUTE;
      },
      limits: { ...ESCALATION_LIMITS, updateMs: MINUTE },
    });
    await expect(dying.bringUpToDate()).rejects.toThrow('killed');
    expect(await noticesIn(cityId)).toHaveLength(1);
    expect(await sweep(now + MINUTE)).toMatchObject({ updated: 2 });
    // Another dies after it took the messages, before it sent them.
    for (const lane of [LANES.pager, LANES.support])
      await takeDue(poolReader(world.postgres), lane.kinds, 100, lane);
    expect(await sweep(now + MINUTE)).toMatchObject({ updated: 0, repeated: 0, ended: 0 });
    await world.db.$executeRaw`UPDATE outbox SET next_at = now() WHERE sent_at IS NULL`; // its lease runs out
    const own = worker();
    await allSent();
    expect(pages().map(({ event_action }) => event_action)).toEqual(['trigger', 'trigger']);
    expect(chat.bodies()).toHaveLength(2);
    await own.stop();
  });

  test('of suspended merchants’ deliveries is one notice too', async () => {
    const { cityId } = await cityWith();
    const cases = createSupportCases({
      db: world.db,
      clock: Date.now,
      newId: world.deps.newId,
      notifyRelay: () => {},
    });
    const ids = await waiting({ cityId, zoneId: null }, { count: 5, now: Date.now(), minutes: 0 });
    for (const id of ids)
      await cases.open(id, { reason: 'MERCHANT_SUSPENDED', by: OPS, correlationId: 'test' });
    await sweep(Date.now() + MINUTE);
    expect(await titlesIn(cityId, 'support')).toEqual([
      'open: Support queue: the merchant was suspended',
      `open: Support queue: 5 deliveries in ${cityId}: the merchant was suspended`,
    ]);
  });
});

describe('what an older release left', () => {
  test('its notices are sent as they are', async () => {
    const old: Message = {
      kind: 'notify',
      notice: {
        to: { kind: 'pager' },
        about: 'delivery/42',
        alert: 'delivery/42/2026-11-23T09:40:00.000Z',
        endsAlerts: ['delivery/42'],
        what: 'open',
        severity: 'critical',
        title: 'Level 3: no driver for 40 minutes',
        text: '',
        link: null,
        cityId: 'testville',
        facts: {},
        at: Date.now(),
      },
    };
    await enqueue(world.db, '42', 'test', [old]);
    const own = worker();
    await allSent();
    expect(pages().map(({ event_action, dedup_key }) => `${event_action} ${dedup_key}`)).toEqual([
      'trigger delivery/42/2026-11-23T09:40:00.000Z',
      'resolve delivery/42',
    ]);
    await own.stop();
  });

  test('its own page of a delivery ends when the group is paged', async () => {
    const { cityId } = await cityWith();
    const now = soon();
    const [id = ''] = await waiting({ cityId, zoneId: null }, { count: 1, now, minutes: 30 });
    await escalate([id], now);
    await world.db.outboxMessage.deleteMany();
    await world.db.noticeGroup.deleteMany();
    await world.db.escalation.updateMany({ where: { deliveryId: id }, data: { inGroup: null } });
    await escalate([id], now + 10 * MINUTE);
    expect(await noticesIn(cityId)).toMatchObject([
      { what: 'open', title: 'Level 3: no driver for 40 minutes', facts: { deliveryId: id } },
      {
        what: 'resolved',
        endsAlerts: [`delivery/${id}`, `delivery/${id}/${new Date(now).toISOString()}`],
      },
    ]);
    await cancel([id], now + 11 * MINUTE);
    expect(await noticesIn(cityId)).toHaveLength(2); // ended once
  });
});
