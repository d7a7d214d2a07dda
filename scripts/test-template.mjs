// Creates the database that test files copy (CREATE DATABASE … TEMPLATE driver_service_template), or
// recreates it when the migrations have changed. Run by jest's global set-up; needs TEST_DATABASE_URL.
import { fingerprint } from './bootstrap/fingerprint.mjs';
import { applyMigrations } from './bootstrap/migrations.mjs';
import { connectPostgres, quoteLiteral } from './bootstrap/postgres.mjs';
import { createAppLogin } from './bootstrap/prisma.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

const TEMPLATE = 'driver_service_template';
const LOCK_KEY = 20_261_122;

await supervise({ name: 'test-template' }, async () => {
  const serverUrl = process.env.TEST_DATABASE_URL;
  const migrations = fingerprint(['prisma/migrations']);
  const server = await connectPostgres(serverUrl);
  try {
    // Concurrent test runs on one server wait for each other.
    await server.query('SELECT pg_advisory_lock($1)', [LOCK_KEY]);
    if ((await builtFrom(server)) === migrations) return;
    await server.query(`DROP DATABASE IF EXISTS ${TEMPLATE} WITH (FORCE)`);
    await server.query(`CREATE DATABASE ${TEMPLATE}`);
    const templateUrl = new URL(serverUrl);
    templateUrl.pathname = `/${TEMPLATE}`;
    await applyMigrations(templateUrl.href);
    await createAppLogin(serverUrl, { user: 'dispatch', password: 'test' });
    await server.query(`COMMENT ON DATABASE ${TEMPLATE} IS ${quoteLiteral(migrations)}`);
  } finally {
    await server.end();
  }
});

async function builtFrom(server) {
  const { rows } = await server.query(
    `SELECT shobj_description(oid, 'pg_database') AS migrations FROM pg_database WHERE datname = '${TEMPLATE}'`,
  );
  return rows[0]?.migrations;
}
