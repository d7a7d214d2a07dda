// PostgreSQL, Redis and Temporal for one run, which can be stopped, killed and restarted on the same data.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { withoutUsersTemporal } from './infrastructure.mjs';
import { logStep, SetupError } from './log.mjs';
import { applyMigrations } from './migrations.mjs';
import { freePorts } from './ports.mjs';
import { connectPostgres, startPostgres } from './postgres.mjs';
import { createAppLogin, createDatabaseIfMissing } from './prisma.mjs';
import { startRedis, tellRedis } from './redis.mjs';
import { makeSecrets } from './secrets.mjs';
import { startTemporal } from './temporal.mjs';
import { registerSearchAttributes } from './temporal-namespace.mjs';
import { throwawayDir } from './throwaway.mjs';

const DATABASE = 'dispatch';
const APP_LOGIN = 'dispatch';

/** Starts all three, ready to use. Returns the environment for our processes, and the servers by name. */
export async function startCrashableInfrastructure(supervisor) {
  const dir = throwawayDir(supervisor);
  const secrets = makeSecrets();
  const [postgresPort, redisPort, temporalPort, uiPort] = await freePorts(4);
  logStep('starting PostgreSQL, Redis and Temporal');
  const redisDir = join(dir, 'redis');
  const postgresActs = {
    demote: ({ urlOf }) => setReadOnly(urlOf, true),
    promote: ({ urlOf }) => setReadOnly(urlOf, false),
    dataDir: ({ clusterDir }) => clusterDir,
  };
  const redisActs = {
    forget: () => rmSync(redisDir, { recursive: true }),
    // A replica of nobody: it keeps its data, answers reads and refuses writes.
    demote: () => tellRedis(redisPort, 'REPLICAOF 127.0.0.1 1'),
    promote: () => tellRedis(redisPort, 'REPLICAOF NO ONE'),
  };
  const [postgres, redis, temporal] = await Promise.all([
    crashable(
      () =>
        startPostgres(supervisor, {
          dir: join(dir, 'postgres'),
          port: postgresPort,
          password: secrets.ownerPassword,
          logFile: join(dir, 'logs/postgres.log'),
          isThrowaway: true,
          isCrashSafe: true,
        }),
      postgresActs,
    ),
    crashable(
      () => startRedis(supervisor, { dir: redisDir, port: redisPort, logFile: join(dir, 'logs/redis.log') }),
      redisActs,
    ),
    crashable(() =>
      startTemporal(supervisor, {
        port: temporalPort,
        uiPort,
        databaseFile: join(dir, 'temporal/temporal.db'),
        logFile: join(dir, 'logs/temporal.log'),
      }),
    ),
  ]);
  const { urlOf } = postgres.started;
  await createDatabaseIfMissing(urlOf('postgres'), DATABASE);
  await applyMigrations(urlOf(DATABASE));
  await createAppLogin(urlOf(DATABASE), { user: APP_LOGIN, password: secrets.appPassword });
  const environment = {
    ...process.env,
    ...withoutUsersTemporal(join(dir, 'temporal.toml')),
    DATABASE_URL: urlOf(DATABASE, { user: APP_LOGIN, password: secrets.appPassword }),
    MIGRATE_DATABASE_URL: urlOf(DATABASE),
    REDIS_URL: redis.started.url,
    TEMPORAL_ADDRESS: temporal.started.address,
    TEMPORAL_NAMESPACE: 'default',
    JWT_LOCAL_KEY: secrets.jwtLocalKey,
    JWT_JWKS_URL: undefined,
  };
  await registerSearchAttributes(environment);
  return { environment, servers: { postgres, redis, temporal } };
}

/**
 * A server. `forget` deletes its data while it is down. `demote` makes it refuse writes until `promote`.
 * `backUp` copies its data directory, and `restore` puts the copy back; both restart the server.
 */
async function crashable(start, { forget, demote, promote, dataDir } = {}) {
  let running = await start();
  const again = async () => {
    running = await start();
  };
  return {
    started: running,
    /** An orderly stop. */
    stop: () => running.process.stop(),
    /** kill -9, with its children. */
    kill: () => running.process.kill(),
    start: again,
    forget: async () => forget(),
    demote: async () => demote(running),
    promote: async () => promote(running),
    async backUp() {
      const dir = dataDir(running);
      await running.process.stop();
      copyData(dir, backupOf(dir));
      await again();
    },
    async restore() {
      const dir = dataDir(running);
      await running.process.kill();
      copyData(backupOf(dir), dir);
      await again();
    },
  };
}

const backupOf = (dataDir) => `${dataDir}.backup`;

/** Replaces a data directory by a copy of another, with its owners and rights. */
function copyData(from, to) {
  rmSync(to, { recursive: true, force: true });
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
  if (status !== 0) throw new SetupError(`The data could not be copied: ${stderr}`, 'See the disk space.');
}

/** What clients see after a failover while they talk to the demoted primary: reads work, writes do not. */
async function setReadOnly(urlOf, isReadOnly) {
  const client = await connectPostgres(urlOf('postgres'));
  try {
    await client.query(`ALTER SYSTEM SET default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`);
    await client.query('SELECT pg_reload_conf()');
  } finally {
    await client.end();
  }
}
