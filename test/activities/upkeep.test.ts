/** What the upkeep sweep does to the database: audit partitions ahead of time, and an outbox that forgets. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { v7 as newId } from 'uuid';
import { ensureAuditPartitions, writeEntries } from '../../adapters/postgres/audit';
import { enqueue, pruneSent } from '../../adapters/postgres/outbox';
import { prunePositions } from '../../adapters/postgres/positionRows';
import { pruneHealth } from '../../adapters/postgres/zoneHealthRows';
import { createUpkeep } from '../../activities/sweeps/upkeep';
import type { Entry } from '../../domain/delivery/deliveryState';
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
  owner = new Client({ connectionString: world.ownerUrl });
  await owner.connect();
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

async function write(at: Date): Promise<void> {
  const subject = {
    cityId: CITY,
    deliveryId: null,
    merchantId: null,
    sellerOrderId: null,
    deliveryHash: null,
    driverHashes: {},
  };
  await world.db.$transaction((tx) => writeEntries(tx, subject, [ENTRY], at.getTime(), 'test'));
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
  });

  test('move rows to a month that is created late', async () => {
    const at = new Date('2041-05-05T05:05:05Z');
    await write(at);
    expect(await ensureAuditPartitions(world.db, at, 1)).toBe(1);
    expect(await partOf(at)).toBe('audit_entries_2041_05');
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
    await db.positionFix.createMany({ data: [fix(50, 31), fix(51, 30.1), fix(52, 29.9), fix(53, 0)] });
    const keepUp = createUpkeep({
      ensureAuditPartitions: (from, months) => ensureAuditPartitions(db, from, months),
      pruneSent: (olderThanMs) => pruneSent(db, olderThanMs),
      pruneHealth: (olderThanMs) => pruneHealth(db, olderThanMs),
      prunePositions: (olderThanMs) => prunePositions(db, olderThanMs),
      positionsKeptMs: 30 * 24 * HOUR_MS,
      clock: () => Date.UTC(2050, 10, 30),
    });
    expect(await keepUp()).toEqual({
      partitionsMade: 3,
      messagesForgotten: 1,
      healthForgotten: 1,
      positionsForgotten: 2,
    });
    expect((await db.positionFix.findMany({ orderBy: { id: 'asc' } })).map(({ lat }) => lat)).toEqual([
      52, 53,
    ]);
    expect(
      (await db.outboxMessage.findMany({ orderBy: { id: 'asc' } })).map(({ payload }) => payload),
    ).toEqual([{ driverId: 'young' }, { driverId: 'unsent' }]);
    expect((await db.zoneHealth.findMany()).map(({ cityId }) => cityId)).toEqual(['young']);
    expect(await parts()).toEqual(
      expect.arrayContaining(['audit_entries_2050_11', 'audit_entries_2050_12', 'audit_entries_2051_01']),
    );
  });
});
