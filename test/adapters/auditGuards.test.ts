/** What the database lets nobody do to the audit trail, its owner included; and what the service’s login may do. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { v7 as newId } from 'uuid';
import { writeEntries } from '../../adapters/postgres/audit';
import { ensureAuditPartitions } from '../../adapters/postgres/auditPartitions';
import { freshDatabase, type FreshDatabase } from '../support/database';

let database: FreshDatabase;
let owner: Client;
const AT = Date.UTC(2031, 4, 5);
beforeAll(async () => {
  database = await freshDatabase();
  owner = new Client({ connectionString: database.ownerUrl });
  await owner.connect();
  await ensureAuditPartitions(database.db, new Date(AT), 1);
});
afterAll(async () => {
  await owner.end();
  await database.close();
});

async function entry(at: number): Promise<string> {
  const deliveryId = newId();
  const subject = { cityId: 'c', deliveryId, merchantId: null, sellerOrderId: null };
  const said = {
    kind: 'pay_raised',
    chain: 'delivery',
    driverId: null,
    actor: { kind: 'ops', id: 'olga' },
    from: null,
    to: null,
    why: 'Mrs Smith waits',
    deviceAt: null,
    detail: { note: 'call her', bonusCents: 5 },
  } as const;
  await database.db.$transaction((tx) =>
    writeEntries(tx, { ...subject, deliveryHash: null, driverHashes: {} }, [said], at, 'test'),
  );
  return `delivery/${deliveryId}`;
}

const REFUSED = /the audit trail is append-only/;

describe('the audit trail', () => {
  test.each([
    ['another reason', `UPDATE audit_entries SET why = 'nothing' WHERE chain = $1`],
    ['another actor', `UPDATE audit_entries SET actor_id = 'nobody' WHERE chain = $1`],
    [
      'a reason less, with another actor',
      `UPDATE audit_entries SET why = NULL, actor_id = 'x' WHERE chain = $1`,
    ],
    ['another detail', `UPDATE audit_entries SET detail = '{"bonusCents": 6}' WHERE chain = $1`],
    ['another seal', `UPDATE audit_entries SET texts = '{"fields": []}' WHERE chain = $1`],
    ['a reason less that keeps its salt', `UPDATE audit_entries SET why = NULL WHERE chain = $1`],
    ['another hash', `UPDATE audit_entries SET hash = '\\x00' WHERE chain = $1`],
    ['an entry less', `DELETE FROM audit_entries WHERE chain = $1`],
  ])('refuses its owner %s, in the month and in the default partition', async (_name, deed) => {
    for (const at of [AT, Date.UTC(2040, 0, 1)])
      await expect(owner.query(deed, [await entry(at)])).rejects.toThrow(REFUSED);
  });

  test('refuses its owner TRUNCATE, of itself and of each partition, later ones too', async () => {
    await ensureAuditPartitions(database.db, new Date(Date.UTC(2035, 0, 1)), 2);
    const { rows } = await owner.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass`,
    );
    expect(rows.length).toBeGreaterThanOrEqual(6);
    for (const name of ['audit_entries', ...rows.map((row) => row.name)])
      await expect(owner.query(`TRUNCATE ${name}`)).rejects.toThrow(REFUSED);
  });

  test('refuses TRUNCATE of a month that an older worker made, from the next sweep on', async () => {
    await owner.query(`SELECT ensure_audit_partitions('2036-01-01'::date, 1)`);
    expect(await ensureAuditPartitions(database.db, new Date(Date.UTC(2036, 0, 1)), 1)).toBe(0);
    await expect(owner.query('TRUNCATE audit_entries_2036_01')).rejects.toThrow(REFUSED);
  });

  test('lets a late month be made from the default partition, entries and guards included', async () => {
    const chain = await entry(Date.UTC(2033, 6, 9));
    expect(await ensureAuditPartitions(database.db, new Date(Date.UTC(2033, 6, 1)), 1)).toBe(1);
    const { rows } = await owner.query<{ part: string }>(
      `SELECT tableoid::regclass::text AS part FROM audit_entries WHERE chain = $1`,
      [chain],
    );
    expect(rows).toEqual([{ part: 'audit_entries_2033_07' }]);
    await expect(owner.query(`DELETE FROM audit_entries WHERE chain = $1`, [chain])).rejects.toThrow(REFUSED);
    await expect(owner.query(`TRUNCATE audit_entries_2033_07`)).rejects.toThrow(REFUSED);
  });

  test('lets its owner detach and drop a whole month', async () => {
    await ensureAuditPartitions(database.db, new Date(Date.UTC(2034, 0, 1)), 1);
    const chain = await entry(Date.UTC(2034, 0, 9));
    await owner.query('ALTER TABLE audit_entries DETACH PARTITION audit_entries_2034_01');
    await owner.query('DROP TABLE audit_entries_2034_01');
    expect((await owner.query('SELECT FROM audit_entries WHERE chain = $1', [chain])).rowCount).toBe(0);
  });
});

/** What the service does with each table: SELECT and INSERT it may everywhere. */
const MORE_THAN_ADD: Readonly<Record<string, string[]>> = {
  assignments: ['UPDATE'],
  audit_checks: ['UPDATE'],
  audit_heads: ['UPDATE'],
  cities: ['UPDATE'],
  deliveries: ['UPDATE'],
  drivers: ['UPDATE'],
  erasure_marks: ['UPDATE'],
  erasures: ['UPDATE'],
  escalations: ['UPDATE'],
  matching_round_counts: ['DELETE', 'UPDATE'],
  meeting_points: ['DELETE'],
  merchants: ['UPDATE'],
  notice_groups: ['DELETE', 'UPDATE'],
  offers: ['UPDATE'],
  order_changes: ['UPDATE'],
  outbox: ['DELETE', 'UPDATE'],
  position_fixes: ['DELETE'],
  push_subscriptions: ['DELETE', 'UPDATE'],
  request_fingerprints: ['DELETE'],
  rescues: ['UPDATE'],
  shadow_rounds: ['DELETE'],
  stops: ['UPDATE'],
  vehicles: ['UPDATE'],
  zone_health: ['DELETE'],
  zones: ['UPDATE'],
};

describe('the service’s login', () => {
  test('may change and remove where the service does, and nowhere else', async () => {
    const { rows } = await owner.query<{ name: string; rights: string[] }>(`
      SELECT table_name AS name, array_agg(privilege_type::text ORDER BY privilege_type) AS rights
      FROM information_schema.role_table_grants
      WHERE grantee = 'driver_service_app' AND privilege_type NOT IN ('SELECT', 'INSERT')
      GROUP BY table_name ORDER BY table_name`);
    expect(Object.fromEntries(rows.map(({ name, rights }) => [name, rights]))).toEqual(MORE_THAN_ADD);
  });

  test.each([
    'DELETE FROM cities',
    'DELETE FROM deliveries',
    'DELETE FROM stops',
    `UPDATE feature_settings SET why = ''`,
    'DELETE FROM feature_settings',
    `UPDATE matching_policies SET weights = '{}'`,
    'DELETE FROM city_matching',
    'TRUNCATE outbox',
    `UPDATE audit_entries SET why = NULL`,
  ])('cannot %s', async (deed) => {
    await expect(database.db.$executeRawUnsafe(deed)).rejects.toThrow(/permission denied/);
  });
});
