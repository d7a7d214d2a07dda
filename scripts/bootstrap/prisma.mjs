import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { modulesDir, projectDir } from './paths.mjs';
import { query, quoteIdentifier, quoteLiteral } from './postgres.mjs';

export const prismaCli = join(modulesDir, 'prisma/build/index.js');
const APP_GROUP = 'driver_service_app';

/**
 * Uses Prisma's native engine if it is installed, or else its WebAssembly build, so that nothing is
 * downloaded.
 */
export function prismaEnvironment(env = process.env) {
  const withoutCalls = { ...env, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' };
  if (env.PRISMA_SCHEMA_ENGINE_BINARY || hasNativeEngine()) return withoutCalls;
  return { ...withoutCalls, PRISMA_SCHEMA_ENGINE_BINARY: join(projectDir, 'scripts/prisma-engine.mjs') };
}

/** The service's login. It owns no tables, and has the rights that the migrations grant to its group. */
export async function createAppLogin(ownerUrl, { user, password }) {
  const login = quoteIdentifier(user);
  const [existing] = await query(ownerUrl, 'SELECT 1 FROM pg_roles WHERE rolname = $1', [user]);
  await query(
    ownerUrl,
    `${existing ? 'ALTER' : 'CREATE'} ROLE ${login} LOGIN PASSWORD ${quoteLiteral(password)}`,
  );
  await query(ownerUrl, `GRANT ${APP_GROUP} TO ${login}`);
}

export async function createDatabaseIfMissing(serverUrl, name) {
  const [existing] = await query(serverUrl, 'SELECT 1 FROM pg_database WHERE datname = $1', [name]);
  if (!existing) await query(serverUrl, `CREATE DATABASE ${quoteIdentifier(name)}`);
}

function hasNativeEngine() {
  const names = readdirSync(join(modulesDir, '@prisma/engines'));
  return names.some((name) => name.startsWith('schema-engine-'));
}
