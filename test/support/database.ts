import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { connectPostgres, type Database, type Postgres } from '../../adapters/postgres/database';

/** A database of a test file's own, copied from the migrated template. */
export type FreshDatabase = {
  /** By the login of the service, which owns no table. */
  url: string;
  /** By the owner of the tables. */
  ownerUrl: string;
  db: Database;
  /** The same connections, for statements of one's own. */
  postgres: Postgres;
  /** Ends the connections and drops the database. */
  close: () => Promise<void>;
};

const TEMPLATE = 'driver_service_template';
/** PostgreSQL's `object_in_use`: another file copies the template just now. */
const IN_USE = '55006';

/**
 * Made in a fraction of a second; `poolSize` is that of `db`. `copyOf`: another one's url, to which nobody
 * may be connected; left out: an empty one.
 */
export async function freshDatabase({
  poolSize = 5,
  copyOf,
}: { poolSize?: number; copyOf?: string } = {}): Promise<FreshDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await copyTemplate(name, copyOf === undefined ? TEMPLATE : new URL(copyOf).pathname.slice(1));
  const url = urlOf('TEST_APP_DATABASE_URL', name);
  const postgres = connectPostgres(url, { poolSize, statementTimeoutMs: 5_000, applicationName: 'test' });
  const close = async (): Promise<void> => {
    await postgres.db.$disconnect();
    await onServer((server) => server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  };
  return { url, ownerUrl: urlOf('TEST_DATABASE_URL', name), db: postgres.db, postgres, close };
}

async function copyTemplate(name: string, template: string, triesLeft = 20): Promise<void> {
  try {
    await onServer((server) => server.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  } catch (error) {
    if (triesLeft === 0 || !isInUse(error)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await copyTemplate(name, template, triesLeft - 1);
  }
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === IN_USE;
}

async function onServer(act: (server: Client) => Promise<unknown>): Promise<void> {
  const server = new Client({ connectionString: requiredVariable('TEST_DATABASE_URL') });
  await server.connect();
  try {
    await act(server);
  } finally {
    await server.end();
  }
}

/** One statement by the owner of the tables, who may do what the service may not. */
export async function asOwner(
  { ownerUrl }: Pick<FreshDatabase, 'ownerUrl'>,
  statement: string,
  values: unknown[] = [],
): Promise<void> {
  const owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    await owner.query(statement, values);
  } finally {
    await owner.end();
  }
}

/** A connection of somebody whom even the guards of the audit trail do not hold up: they switch them off. */
export async function connectForger({ ownerUrl }: Pick<FreshDatabase, 'ownerUrl'>): Promise<Client> {
  const forger = new Client({ connectionString: ownerUrl });
  await forger.connect();
  await forger.query('SET session_replication_role = replica');
  return forger;
}

function urlOf(variable: string, database: string): string {
  const url = new URL(requiredVariable(variable));
  url.pathname = `/${database}`;
  return url.href;
}

/** A variable that the test servers' start sets. */
export function requiredVariable(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(
      `${name} is not set: run the tests by \`npm test\`, or leave \`node scripts/test.mjs --infra\` running`,
    );
  return value;
}
