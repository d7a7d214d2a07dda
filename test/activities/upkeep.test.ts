/** What the upkeep sweep does to the database: audit partitions ahead of time, and an outbox that forgets. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Client } from 'pg';
import { v7 as newId } from 'uuid';
import { writeEntries } from '../../adapters/postgres/audit';
import { auditPartitionsState, ensureAuditPartitions } from '../../adapters/postgres/auditPartitions';
import { blankChanges } from '../../adapters/postgres/orderChangeStore';
import { enqueue, pruneSent } from '../../adapters/postgres/outbox';
import { prunePositions } from '../../adapters/postgres/positionRows';
import { pruneRoundCounts } from '../../adapters/postgres/guardRailRows';
import { pruneShadowRounds } from '../../adapters/postgres/shadowRows';
import { pruneFingerprints } from '../../adapters/postgres/requestFingerprints';
import { pruneHealth } from '../../adapters/postgres/zoneHealthRows';
import { createUpkeep } from '../../activities/sweeps/upkeep';
import type { Entry } from '../../domain/delivery/deliveryState';
import { connectForger } from '../support/database';
import { CITY, createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';

const HOUR_MS = 3_600_000;
const ENTRY: Entry = {
  kind: 'test',
  chain: 'delivery',
  driverId: null,
  actor: { kind: 'system', id: 'test' },
  from: null,
  to: null,
  why: null,
  deviceAt: null,
  detail: null,
};

let world: DispatchWorld;
let owner: Client;
beforeAll(async () => {
  world = await createDispatchWorld();
  owner = await connectForger(world);
});
afterAll(async () => {
  await owner.end();
  await world.close();
});

async function parts(): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits
     WHERE inhparent = 'audit_entries'::regclass ORDER BY name`,
  );
  return rows.map(({ name }) => name);
}

/** @returns how many partitions were created by as many calls as it took */
async function allPartitions(from: Date, months: number): Promise<number> {
  let made = 0;
  for (let more = 1; more > 0; made += more) more = await ensureAuditPartitions(world.db, from, months);
  return made;
}

async function write(at: Date, correlationId = 'test'): Promise<void> {
  const subject = {
    cityId: CITY,
    deliveryId: null,
    merchantId: null,
    sellerOrderId: null,
    deliveryHash: null,
    driverHashes: {},
  };
  await world.db.$transaction((tx) => writeEntries(tx, subject, [ENTRY], at.getTime(), correlationId));
}

async function partOf(at: Date): Promise<string | undefined> {
  const { rows } = await owner.query<{ name: string }>(
    'SELECT tableoid::regclass::text AS name FROM audit_entries WHERE at = $1',
    [at],
  );
  return rows[0]?.name;
}

describe('audit partitions', () => {
  test('are created once per month', async () => {
    expect(await ensureAuditPartitions(world.db, new Date('2031-11-15T12:00:00Z'), 3)).toBe(3);
    expect(await parts()).toEqual(
      expect.arrayContaining(['audit_entries_2031_11', 'audit_entries_2031_12', 'audit_entries_2032_01']),
    );
    expect(await ensureAuditPartitions(world.db, new Date('2031-11-15T12:00:00Z'), 3)).toBe(0);
    expect(await ensureAuditPartitions(world.db, new Date('2031-12-31T12:00:00Z'), 3)).toBe(1);
  });

  test('start and end with the month in UTC', async () => {
    await ensureAuditPartitions(world.db, new Date('2033-01-15T00:00:00Z'), 2);
    const [first, last] = [new Date('2033-02-01T00:00:00.000Z'), new Date('2033-01-31T23:59:59.999Z')];
    await write(first);
    await write(last);
    expect(await partOf(first)).toBe('audit_entries_2033_02');
    expect(await partOf(last)).toBe('audit_entries_2033_01');
  });

  test('keep rows of months without a partition in the default partition', async () => {
    const at = new Date('2040-05-05T05:05:05Z');
    await write(at);
    expect(await partOf(at)).toBe('audit_entries_default');
    await owner.query('DELETE FROM audit_entries_default WHERE at = $1', [at]);
  });

  test('move rows to a month that is created late', async () => {
    const at = new Date('2039-05-05T05:05:05Z');
    await write(at);
    expect(await ensureAuditPartitions(world.db, at, 1)).toBe(1);
    expect(await partOf(at)).toBe('audit_entries_2039_05');
  });

  test('move rows of months that no sweep made while they lasted', async () => {
    const missed = new Date('2042-02-02T02:02:02Z');
    await write(missed);
    await allPartitions(new Date('2042-06-06T00:00:00Z'), 1);
    expect(await partOf(missed)).toBe('audit_entries_2042_02');
    expect(await parts()).toEqual(expect.arrayContaining(['audit_entries_2042_06']));
  });

  test('are attached in pieces while entries of that month are written', async () => {
    const startsAt = Date.parse('2047-07-01T00:00:00Z');
    await owner.query(
      `INSERT INTO audit_entries (id, at, kind, city_id, actor_kind, actor_id, correlation_id, chain, hash)
       SELECT gen_random_uuid(), $1::timestamptz + n * interval '1 second', 'backlog', $2, 'system', 'test',
         'backlog', 'backlog', '' FROM generate_series(1, 45000) AS n`,
      [new Date(startsAt), CITY],
    );
    expect((await auditPartitionsState(world.db)).defaultRows).toBeGreaterThanOrEqual(45_000);
    const done = new AbortController();
    let written = 0;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      while (!done.signal.aborted) {
        await write(new Date(startsAt + 46_000_000 + written * 1_000 + writer), 'under traffic');
        written += 1;
      }
    });
    const pieces = await allPartitions(new Date(startsAt), 1).finally(() => done.abort());
    await Promise.all(writers); // none failed
    expect(pieces).toBe(3);
    const { rows } = await owner.query<{ part: string; entries: number }>(
      `SELECT tableoid::regclass::text AS part, count(*)::int AS entries FROM audit_entries
       WHERE correlation_id IN ('backlog', 'under traffic') GROUP BY 1 ORDER BY 1`,
    );
    expect(rows.slice(0, 2)).toEqual([
      { part: 'audit_entries_2047_07', entries: 20_000 },
      { part: 'audit_entries_2047_07_2', entries: 20_000 },
    ]);
    expect(rows[2]).toEqual({ part: 'audit_entries_2047_07_3', entries: 5_000 + written });
    expect(rows).toHaveLength(3);
  });

  test('give up within seconds, and change nothing, where a reader holds the default partition', async () => {
    const at = new Date('2048-08-08T08:08:08Z');
    await write(at);
    await owner.query('BEGIN; LOCK TABLE audit_entries_default IN ACCESS SHARE MODE');
    await expect(ensureAuditPartitions(world.db, at, 1)).rejects.toThrow(/lock timeout/);
    await owner.query('COMMIT');
    expect(await partOf(at)).toBe('audit_entries_default');
    await allPartitions(at, 1);
    expect(await partOf(at)).toBe('audit_entries_2048_08');
  });

  test('are measured: how far ahead they reach, and what lies in the default one', async () => {
    const { rows } = await owner.query<{ default_rows: number }>(
      'SELECT count(*)::int AS default_rows FROM audit_entries_default',
    );
    await allPartitions(new Date('2060-01-01T00:00:00Z'), 1);
    const { aheadMs, defaultRows } = await auditPartitionsState(world.db);
    expect(Math.abs(Date.now() + aheadMs - Date.parse('2060-02-01T00:00:00Z'))).toBeLessThan(60_000);
    expect(defaultRows).toBe(rows[0]?.default_rows);
  });

  test('can be created by two workers at once', async () => {
    const from = new Date('2045-03-03T00:00:00Z');
    const made = await Promise.allSettled([
      ensureAuditPartitions(world.db, from, 3),
      ensureAuditPartitions(world.db, from, 3),
    ]);
    expect(made.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(await ensureAuditPartitions(world.db, from, 3)).toBe(0);
  });
});

describe('the sweep', () => {
  test('creates partitions three months ahead and deletes only expired rows', async () => {
    const { db } = world;
    await enqueue(db, 'key', 'test', [
      { kind: 'syncDriver', driverId: 'old' },
      { kind: 'syncDriver', driverId: 'young' },
      { kind: 'syncDriver', driverId: 'unsent' },
    ]);
    const sentAt = (driverId: string, hoursAgo: number) => db.$executeRaw`
      UPDATE outbox SET sent_at = ${new Date(Date.now() - hoursAgo * HOUR_MS)}
        WHERE payload->>'driverId' = ${driverId}`;
    await sentAt('old', 25);
    await sentAt('young', 23);
    await db.$executeRaw`
      UPDATE outbox SET created_at = now() - interval '3 days' WHERE payload->>'driverId' = 'unsent'`;
    const health = (cityId: string, daysAgo: number) => ({
      cityId,
      at: new Date(Date.now() - daysAgo * 24 * HOUR_MS),
      state: 'OK',
      reasons: [],
      figures: {},
    });
    await db.zoneHealth.createMany({ data: [health('old', 7.1), health('young', 6.9)] });
    const fix = (lat: number, daysAgo: number) => ({
      driverId: newId(),
      at: new Date(),
      receivedAt: new Date(Date.now() - daysAgo * 24 * HOUR_MS),
      lat,
      lng: 4,
    });
    const { deliveryId } = await world.addDelivery();
    const change = (requestKey: string, hoursAgo: number) => ({
      id: newId(),
      deliveryId,
      requestKey,
      content: { pickup: {}, dropoff: { notes: 'ring' } },
      createdAt: new Date(Date.now() - hoursAgo * HOUR_MS),
    });
    await db.orderChange.createMany({ data: [change('old', 24.1), change('young', 23.9)] });
    await db.positionFix.createMany({ data: [fix(50, 31), fix(51, 30.1), fix(52, 29.9), fix(53, 0)] });
    const fingerprint = (id: number, daysAgo: number) => ({
      keyHash: Buffer.from([id]),
      fingerprint: Buffer.from([id]),
      createdAt: new Date(Date.now() - daysAgo * 24 * HOUR_MS),
    });
    await db.requestFingerprint.createMany({
      data: [fingerprint(1, 31), fingerprint(2, 30.1), fingerprint(3, 29.9)],
    });
    const shadow = (cityId: string, daysAgo: number) => ({
      cityId,
      at: new Date(Date.now() - daysAgo * 24 * HOUR_MS),
      liveId: 0,
      shadowId: 0,
      compared: [],
    });
    const counts = (cityId: string, daysAgo: number) => ({
      cityId,
      minute: new Date(Date.now() - daysAgo * 24 * HOUR_MS),
      ended: 1,
      slow: 0,
      failed: 0,
    });
    await db.matchingRoundCount.createMany({ data: [counts('old', 7.1), counts('young', 6.9)] });
    await db.shadowRound.createMany({ data: [shadow('old', 7.1), shadow('young', 6.9)] });
    const keepUp = createUpkeep({
      ensureAuditPartitions: (from, months) => ensureAuditPartitions(db, from, months),
      pruneSent: (olderThanMs) => pruneSent(db, olderThanMs),
      pruneHealth: (olderThanMs) => pruneHealth(db, olderThanMs),
      blankChanges: (olderThanMs) => blankChanges(db, olderThanMs),
      prunePositions: (olderThanMs) => prunePositions(db, olderThanMs),
      pruneFingerprints: (olderThanMs) => pruneFingerprints(db, olderThanMs),
      pruneShadows: (olderThanMs) => pruneShadowRounds(db, olderThanMs),
      pruneRoundCounts: (olderThanMs) => pruneRoundCounts(db, olderThanMs),
      positionsKeptMs: 30 * 24 * HOUR_MS,
      clock: () => Date.UTC(2050, 10, 30),
    });
    expect(await keepUp()).toEqual({
      partitionsMade: 3,
      messagesForgotten: 1,
      healthForgotten: 1,
      changesBlanked: 1,
      positionsForgotten: 2,
      fingerprintsForgotten: 2,
      shadowsForgotten: 1,
      roundCountsForgotten: 1,
    });
    expect((await db.shadowRound.findMany()).map(({ cityId }) => cityId)).toEqual(['young']);
    expect((await db.requestFingerprint.findMany()).map(({ keyHash }) => [...keyHash])).toEqual([[3]]);
    expect((await db.positionFix.findMany({ orderBy: { id: 'asc' } })).map(({ lat }) => lat)).toEqual([
      52, 53,
    ]);
    expect(
      (await db.outboxMessage.findMany({ orderBy: { id: 'asc' } })).map(({ payload }) => payload),
    ).toEqual([{ driverId: 'young' }, { driverId: 'unsent' }]);
    expect(await db.orderChange.findMany({ orderBy: { id: 'asc' } })).toMatchObject([
      { requestKey: 'old', content: null },
      { requestKey: 'young', content: { dropoff: { notes: 'ring' } } },
    ]);
    expect((await db.zoneHealth.findMany()).map(({ cityId }) => cityId)).toEqual(['young']);
    expect(await parts()).toEqual(
      expect.arrayContaining(['audit_entries_2050_11', 'audit_entries_2050_12', 'audit_entries_2051_01']),
    );
  });
});
