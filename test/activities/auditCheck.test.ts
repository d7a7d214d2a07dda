/**
 * The daily check of the audit trail (docs/behaviour.md#audit-trail, ADR 11), on a real PostgreSQL, against
 * one who may do everything to it but break SHA-256.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Client } from 'pg';
import { register } from 'prom-client';
import { v7 as newId } from 'uuid';
import { writeEntries } from '../../adapters/postgres/audit';
import { auditLagMs, createAuditChains, lastFinishedCheck } from '../../adapters/postgres/auditChains';
import { createDriverRegistry } from '../../adapters/postgres/driverRegistry';
import { createOrderStore } from '../../adapters/postgres/orderStore';
import { type AuditCheckDeps, createAuditCheck } from '../../activities/sweeps/auditCheck';
import { type AuditCheckReport, createAuditService } from '../../services/auditChains';
import { createAvailability } from '../../services/availability';
import { createOrders } from '../../services/orders';
import { createRegistration } from '../../services/registration';
import type { AuditProblem } from '../../domain/audit/auditChain';
import { TRAVEL_MODEL } from '../../domain/geo/places';
import { ORDER_LIMITS } from '../../domain/orders/orderLimits';
import { observeAudit, observeAuditCheck } from '../../worker/auditMetrics';
import { connectForger } from '../support/database';
import { auditProblems } from '../support/auditTrail';
import { CITY, createDispatchWorld, type DispatchWorld, MERCHANT, PICKUP } from '../support/dispatchWorld';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const OPS = { kind: 'ops', id: 'olga' } as const;

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

/** An order as the API takes it. */
async function order(): Promise<string> {
  const {
    db,
    deps: { notifyRelay },
  } = world;
  const place = {
    address: 'Prinsengracht 1',
    contactName: null,
    contactPhone: null,
    notes: null,
    point: PICKUP,
  };
  const taken = await createOrders({
    store: createOrderStore(db),
    newId,
    searchLeadMs: 0,
    limits: ORDER_LIMITS,
    timeScale: 1,
    travel: TRAVEL_MODEL,
    notifyRelay,
  }).takeOrder(
    {
      merchantId: MERCHANT,
      sellerOrderId: newId(),
      cityId: CITY,
      pickup: place,
      dropoff: { ...place, point: { lat: 52.38, lng: 4.91 } },
      readyAt: null,
      windowFrom: null,
      windowTo: null,
      parcelSize: 'SMALL',
      feeCents: 500,
      payCents: null,
      currency: null,
      by: { kind: 'merchant', id: MERCHANT },
    },
    { fingerprint: '2:hash', requestHash: 'hash', fields: [] },
    newId(),
    Date.now(),
  );
  if (!('taken' in taken)) throw new Error(taken.detail);
  return taken.deliveryId;
}

/** Writes so many entries of a delivery, each a transaction with the row locked. */
async function tell(deliveryId: string, times: number): Promise<void> {
  for (let told = 0; told < times; told += 1) {
    await world.db.$transaction(async (tx) => {
      const [row] = await tx.$queryRaw<
        { audit_hash: Uint8Array | null }[]
      >`SELECT audit_hash FROM deliveries WHERE id = ${deliveryId}::uuid FOR UPDATE`;
      const subject = {
        cityId: CITY,
        deliveryId,
        merchantId: MERCHANT,
        sellerOrderId: 'order',
        deliveryHash: row?.audit_hash ?? null,
        driverHashes: {},
      };
      const entry = {
        kind: 'told',
        chain: 'delivery',
        driverId: null,
        actor: OPS,
        from: null,
        to: null,
        why: `told ${told}`,
        deviceAt: null,
        detail: { told },
      } as const;
      const { deliveryHash } = await writeEntries(tx, subject, [entry], Date.now(), newId());
      await tx.$executeRaw`UPDATE deliveries SET audit_hash = ${deliveryHash} WHERE id = ${deliveryId}::uuid`;
    });
  }
}

/** A delivery of six entries: their ids, in the order of the chain. */
async function trail(): Promise<{ deliveryId: string; chain: string; ids: string[] }> {
  const deliveryId = await order();
  await tell(deliveryId, 5);
  const { entries } = await createAuditService(createAuditChains(world.db)).check(deliveryId);
  return { deliveryId, chain: `delivery/${deliveryId}`, ids: entries.map(({ record }) => record.id) };
}

type Ran = { report: AuditCheckReport; beats: unknown[] };

async function check(change: Partial<AuditCheckDeps> = {}): Promise<Ran> {
  const reports: AuditCheckReport[] = [];
  const beats: unknown[] = [];
  const chains = createAuditChains(world.db);
  await createAuditCheck({
    chains,
    clock: Date.now,
    resumeFrom: () => undefined,
    beat: (at) => beats.push(at),
    onReport: (report) => reports.push(report),
    ...change,
  })();
  const [report] = reports;
  if (!report) throw new Error('it did not report');
  return { report, beats };
}

/** What the checks say of one chain: by the sweep and when asked. */
async function said(
  chain: string,
  change: Partial<AuditCheckDeps> = {},
): Promise<[AuditProblem['kind'], string | null][]> {
  const { named } = (await check(change)).report;
  return named.filter((problem) => problem.chain === chain).map(({ kind, entryId }) => [kind, entryId]);
}

/** So that the next test's check finds none of it. */
async function forget(chain: string): Promise<void> {
  await owner.query('DELETE FROM audit_entries WHERE chain = $1', [chain]);
  await owner.query(`DELETE FROM stops WHERE 'delivery/' || delivery_id = $1`, [chain]);
  await owner.query(`DELETE FROM deliveries WHERE 'delivery/' || id = $1`, [chain]);
}

describe('an unmodified trail', () => {
  test('passes and is counted', async () => {
    const { deliveryId } = await trail();
    const { report } = await check();
    expect(report).toMatchObject({ problemCount: 0, named: [] });
    const [{ count: entries } = { count: 0 }] = await world.db.$queryRaw<
      { count: number }[]
    >`SELECT count(*)::int AS count FROM audit_entries`;
    const [{ count: chains } = { count: 0 }] = await world.db.$queryRaw<
      { count: number }[]
    >`SELECT count(DISTINCT chain)::int AS count FROM audit_entries`;
    expect(report).toMatchObject({ entries, chains });
    expect(await world.db.auditCheck.findFirst({ where: { id: report.checkId } })).toMatchObject({
      finishedAt: expect.any(Date),
      entries: BigInt(entries),
      problems: { count: 0, named: [] },
    });
    expect(await createAuditService(createAuditChains(world.db)).check(deliveryId)).toMatchObject({
      problems: [],
    });
  });

  test('passes while deliveries and drivers change', async () => {
    const {
      db,
      map,
      deps: { features, limits, notifyRelay },
    } = world;
    const availability = createAvailability({
      db,
      map,
      features,
      clock: Date.now,
      limits: limits.availability,
      notifyRelay,
    });
    const registration = createRegistration(createDriverRegistry(db));
    const driverId = newId();
    await registration.register(
      { driverId, cityId: CITY, name: 'Sam', phone: null, vehicleKind: 'CAR', offerVersion: 2, capacity: 1 },
      OPS,
      newId(),
      Date.now(),
    );
    const deliveryIds = await Promise.all([order(), order(), order()]);
    const changing = { goesOn: true };
    const change = async (): Promise<void> => {
      while (changing.goesOn) {
        await Promise.all([
          ...deliveryIds.map((deliveryId) => tell(deliveryId, 3)),
          order(),
          availability.request(
            driverId,
            { kind: 'shiftStart', shiftEndsAt: null },
            { kind: 'driver', id: driverId },
            newId(),
          ),
        ]);
        await availability.request(driverId, { kind: 'shiftEnd' }, { kind: 'driver', id: driverId }, newId());
      }
    };
    const changes = change();
    const reports = [];
    for (let times = 0; times < 8; times += 1) reports.push((await check()).report);
    changing.goesOn = false;
    await changes;
    expect(reports.flatMap(({ named }) => named)).toEqual([]);
    expect(new Set(reports.map(({ entries }) => entries)).size).toBeGreaterThan(1);
    expect(await auditProblems(db)).toEqual([]);
  });
});

describe('a trail modified by a superuser', () => {
  const DEEDS: readonly [
    string,
    (ids: readonly string[]) => [string, string[]],
    (ids: readonly string[]) => [string, string | undefined][],
  ][] = [
    [
      'an entry that says another reason',
      (ids) => [`UPDATE audit_entries SET why = 'nothing happened' WHERE id = $1`, [ids[2]!]],
      (ids) => [['CONTENT_DIFFERS', ids[2]]],
    ],
    [
      'an entry of another actor',
      (ids) => [`UPDATE audit_entries SET actor_id = 'somebody' WHERE id = $1`, [ids[0]!]],
      (ids) => [['CONTENT_DIFFERS', ids[0]]],
    ],
    [
      'an entry in another month',
      (ids) => [`UPDATE audit_entries SET at = at - interval '90 days' WHERE id = $1`, [ids[3]!]],
      (ids) => [['CONTENT_DIFFERS', ids[3]]],
    ],
    [
      'a middle entry that was deleted',
      (ids) => ['DELETE FROM audit_entries WHERE id = $1', [ids[2]!]],
      (ids) => [['LINK_MISSING', ids[3]]],
    ],
    [
      'the first entry deleted',
      (ids) => ['DELETE FROM audit_entries WHERE id = $1', [ids[0]!]],
      (ids) => [['LINK_MISSING', ids[1]]],
    ],
    [
      'the last entry deleted',
      (ids) => ['DELETE FROM audit_entries WHERE id = $1', [ids[5]!]],
      (ids) => [['HEAD_DIFFERS', ids[4]]],
    ],
    [
      'all entries deleted',
      (ids) => ['DELETE FROM audit_entries WHERE id = ANY($1::uuid[])', [`{${ids.join(',')}}`]],
      () => [['NO_ENTRIES', undefined]],
    ],
    [
      'two entries that changed places',
      (ids) => [
        `UPDATE audit_entries a SET why = b.why, detail = b.detail FROM audit_entries b
         WHERE (a.id, b.id) IN (($1::uuid, $2::uuid), ($2::uuid, $1::uuid))`,
        [ids[2]!, ids[4]!],
      ],
      (ids) => [
        ['CONTENT_DIFFERS', ids[2]],
        ['CONTENT_DIFFERS', ids[4]],
      ],
    ],
    [
      'an entry moved to another chain',
      (ids) => [`UPDATE audit_entries SET chain = 'driver/' || gen_random_uuid() WHERE id = $1`, [ids[5]!]],
      (ids) => [['HEAD_DIFFERS', ids[4]]],
    ],
  ];

  test.each(DEEDS)('%s is detected and named', async (_what, deed, expected) => {
    const { deliveryId, chain, ids } = await trail();
    expect(await said(chain)).toEqual([]);
    await owner.query(...deed(ids));
    const wanted = expected(ids).map(([kind, entryId]) => [kind, entryId ?? null]);
    expect(await said(chain)).toEqual(wanted);
    const asked = await createAuditService(createAuditChains(world.db)).check(deliveryId);
    expect(asked.problems.map(({ kind, entryId }) => [kind, entryId])).toEqual(wanted);
    await owner.query(`DELETE FROM audit_entries WHERE id = ANY($1::uuid[])`, [ids]);
    await forget(chain);
  });

  test('is stored with its problems: the first hundred by name, all by count', async () => {
    const trails = await Promise.all(Array.from({ length: 21 }, () => trail()));
    await owner.query(`UPDATE audit_entries SET kind = 'other' WHERE chain = ANY($1)`, [
      trails.map(({ chain }) => chain),
    ]);
    const {
      report: { checkId, problemCount, named },
    } = await check();
    expect(problemCount).toBe(21 * 6);
    expect(named).toHaveLength(100);
    expect(await lastFinishedCheck(world.db)).toMatchObject({ problemCount: 21 * 6 });
    expect((await world.db.auditCheck.findUniqueOrThrow({ where: { id: checkId } })).problems).toEqual({
      count: 21 * 6,
      named,
    });
    for (const { chain } of trails) await forget(chain);
  });

  test('is detected without its delivery', async () => {
    const { chain, ids } = await trail();
    await owner.query(`DELETE FROM stops WHERE 'delivery/' || delivery_id = $1`, [chain]);
    await owner.query(`DELETE FROM deliveries WHERE 'delivery/' || id = $1`, [chain]);
    expect(await said(chain)).toEqual([['NO_ROW', ids[5]]]);
    await forget(chain);
  });

  test('is detected even if the delivery row was reset as well', async () => {
    const { chain } = await trail();
    await owner.query('DELETE FROM audit_entries WHERE chain = $1', [chain]);
    await owner.query(`UPDATE deliveries SET audit_hash = NULL WHERE 'delivery/' || id = $1`, [chain]);
    expect(await said(chain)).toEqual([['NO_ENTRIES', null]]);
    await forget(chain);
  });
});

describe('the check', () => {
  test('checks changed chains first and all others within eight days', async () => {
    const { chain, ids } = await trail();
    const start = Date.now() + HOUR_MS; // so that nothing of this test counts as just touched
    const at = (day: number): Partial<AuditCheckDeps> => ({ clock: () => start + day * DAY_MS });
    await check(at(0));
    await owner.query(`UPDATE audit_entries SET why = 'nothing happened' WHERE id = $1`, [ids[1]]);
    const found: number[] = [];
    for (let day = 1; day <= 8; day += 1) if ((await said(chain, at(day))).length > 0) found.push(day);
    expect(found).toHaveLength(1);
    await forget(chain);
    await owner.query('DELETE FROM audit_checks');
  });

  test('resumes after an interruption and counts nothing twice', async () => {
    const altered = await trail();
    await owner.query(`UPDATE audit_entries SET why = 'nothing happened' WHERE id = $1`, [altered.ids[1]]);
    for (let trails = 0; trails < 3; trails += 1) await trail();
    const { report: whole, beats } = await check();
    expect(beats.length).toBeGreaterThan(3);
    for (let stopAt = 1; stopAt < beats.length; stopAt += 1) {
      const seen: unknown[] = [];
      const broken = check({
        beat: (at) => {
          if (seen.push(at) > stopAt) throw new Error('this worker stops');
        },
      });
      await expect(broken).rejects.toThrow('this worker stops');
      const { report } = await check({ resumeFrom: (): unknown => JSON.parse(JSON.stringify(seen.at(-2))) });
      expect({ ...report, checkId: 0 }).toEqual({ ...whole, checkId: 0 });
    }
    await forget(altered.chain);
  });
});

describe('the lag of the trail', () => {
  test('is the age of the oldest change without an entry, or 0', async () => {
    await trail();
    expect(await auditLagMs(world.db)).toBe(0);
    const deliveryId = await order();
    await owner.query(`UPDATE deliveries SET status_changed_at = now() + interval '1 second' WHERE id = $1`, [
      deliveryId,
    ]);
    expect(await auditLagMs(world.db)).toBe(0); // not before it has happened
    await owner.query(`DELETE FROM audit_entries WHERE delivery_id = $1`, [deliveryId]);
    await owner.query(
      `UPDATE deliveries SET status_changed_at = now() - interval '7 seconds' WHERE id = $1`,
      [deliveryId],
    );
    expect(await auditLagMs(world.db)).toBeGreaterThanOrEqual(7_000);
    await forget(`delivery/${deliveryId}`);
  });
});

describe('the worker’s report', () => {
  const measured = async (name: string): Promise<number | undefined> =>
    (await register.getSingleMetric(name)?.get())?.values[0]?.value;

  test('logs an error per problem and exposes the figures of the last check', async () => {
    const { chain, ids } = await trail();
    await owner.query(`UPDATE audit_entries SET why = 'nothing happened' WHERE id = $1`, [ids[1]]);
    const lines: unknown[] = [];
    const log = { error: (what: unknown) => void lines.push(what), info: () => {} };
    const { report } = await check();
    observeAuditCheck(report, log);
    expect(lines).toContainEqual(
      expect.objectContaining({ chain, entryId: ids[1], kind: 'CONTENT_DIFFERS' }),
    );
    observeAudit(
      {
        lastCheck: () => lastFinishedCheck(world.db),
        lagMs: async () => 1_500,
        partitions: async () => ({ aheadMs: 60_000, defaultRows: 7 }),
      },
      { warn: () => {} },
    );
    expect(await measured('audit_check_problems')).toBe(report.problemCount);
    expect(await measured('audit_check_last_success_timestamp_seconds')).toBeGreaterThan(
      Date.now() / 1_000 - 60,
    );
    expect(await measured('audit_lag_seconds')).toBe(1.5);
    expect(await measured('audit_partitions_ahead_seconds')).toBe(60);
    expect(await measured('audit_default_partition_entries')).toBe(7);
    expect(await measured('audit_entries_verified_total')).toBeGreaterThanOrEqual(6);
    await forget(chain);
  });
});

describe('a very long chain', () => {
  /** Written at once, some of it by clocks that differ. */
  async function longTrail(entries: number): Promise<{ deliveryId: string; chain: string }> {
    const deliveryId = await order();
    await world.db.$transaction(
      async (tx) => {
        const [row] = await tx.$queryRaw<
          { audit_hash: Uint8Array | null }[]
        >`SELECT audit_hash FROM deliveries WHERE id = ${deliveryId}::uuid FOR UPDATE`;
        let deliveryHash = row?.audit_hash ?? null;
        const entry = {
          kind: 'told',
          chain: 'delivery',
          driverId: null,
          actor: OPS,
          from: null,
          to: null,
          why: null,
          deviceAt: null,
          detail: null,
        } as const;
        for (let written = 0; written < entries; written += 500) {
          const subject = {
            cityId: CITY,
            deliveryId,
            merchantId: MERCHANT,
            sellerOrderId: 'order',
            deliveryHash,
            driverHashes: {},
          };
          const skewMs = written % 1_000 === 0 ? 3 : 0;
          ({ deliveryHash } = await writeEntries(
            tx,
            subject,
            Array.from({ length: 500 }, () => entry),
            Date.now() + skewMs,
            newId(),
          ));
        }
        await tx.$executeRaw`UPDATE deliveries SET audit_hash = ${deliveryHash} WHERE id = ${deliveryId}::uuid`;
      },
      { timeout: 30_000 },
    );
    return { deliveryId, chain: `delivery/${deliveryId}` };
  }

  test('is checked in pages, and its problems are detected', async () => {
    const { chain } = await longTrail(4_500);
    const real = createAuditChains(world.db);
    const held: string[] = [];
    const chains = {
      ...real,
      readChains: (names: readonly string[]) => (held.push(...names), real.readChains(names)),
    };
    const whole = await check({ chains });
    expect(whole.report).toMatchObject({ problemCount: 0 });
    expect(held).not.toContain(chain);
    const [{ count } = { count: 0 }] = await world.db.$queryRaw<
      { count: number }[]
    >`SELECT count(*)::int AS count FROM audit_entries`;
    expect(whole.report.entries).toBe(count);
    const {
      rows: [{ id }],
    } = await owner.query(
      'SELECT id FROM audit_entries WHERE chain = $1 ORDER BY at, id OFFSET 4200 LIMIT 1',
      [chain],
    );
    await owner.query(`UPDATE audit_entries SET why = 'nothing happened' WHERE id = $1`, [id]);
    expect(await said(chain)).toEqual([['CONTENT_DIFFERS', id]]);
    await owner.query(`UPDATE audit_entries SET why = NULL WHERE id = $1`, [id]);
    expect(await said(chain)).toEqual([]);
    await owner.query('UPDATE deliveries SET audit_hash = NULL WHERE id = $1', [
      chain.slice('delivery/'.length),
    ]);
    expect((await said(chain)).map(([kind]) => kind)).toEqual(['HEAD_DIFFERS']);
    await owner.query('DELETE FROM audit_entries WHERE id = $1', [id]);
    expect((await said(chain)).map(([kind]) => kind)).toContain('LINK_MISSING');
    await forget(chain);
  });

  test('yields to other work, also in a check on request', async () => {
    const { deliveryId, chain } = await longTrail(4_500);
    const real = createAuditChains(world.db);
    const turn = { hashes: 0, most: 0, goesOn: true };
    const chains: typeof real = {
      ...real,
      rehash: (entry) => ((turn.most = Math.max(turn.most, ++turn.hashes)), real.rehash(entry)),
    };
    const other = async (): Promise<void> => {
      while (turn.goesOn) {
        await new Promise((resolve) => setImmediate(resolve));
        turn.hashes = 0;
      }
    };
    const others = other();
    await createAuditService(chains).check(deliveryId);
    await check({ chains });
    turn.goesOn = false;
    await others;
    expect(turn.most).toBeGreaterThan(10);
    expect(turn.most).toBeLessThanOrEqual(200);
    await forget(chain);
  });
});
