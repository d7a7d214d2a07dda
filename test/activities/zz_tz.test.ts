import { test } from '@jest/globals';
import { Client } from 'pg';
import { connectDatabase } from '../../activities/adapters/database';
import { freshDatabase } from '../support/database';
test('tz', async () => {
  const d = await freshDatabase();
  const o = new Client({ connectionString: d.ownerUrl }); await o.connect();
  const name = new URL(d.url).pathname.slice(1);
  await o.query(`ALTER DATABASE ${name} SET timezone = 'Pacific/Kiritimati'`);
  const db = connectDatabase(d.url, { poolSize: 2, statementTimeoutMs: 1000, applicationName: 'x' });
  const at = new Date('2026-01-01T12:00:00.000Z');
  await db.city.create({ data: { id: 'c', name: 'c', timezone: 'UTC', currency: 'EUR', centerLat: 1, centerLng: 1, createdAt: at } });
  console.log('read by model', (await db.city.findFirstOrThrow()).createdAt.toISOString());
  console.log('raw', await db.$queryRaw`SELECT created_at, ${at}::date::text AS date, ${at}::timestamptz AS roundtrip, created_at = ${at} AS same, extract(epoch from created_at) AS epoch, pg_typeof(${at})::text as type FROM cities`);
  console.log('by pg', (await o.query('select created_at from cities')).rows);
  await db.$disconnect(); await o.end(); await d.close();
});
