// PostgreSQL, Redis and Temporal for one run, which can be stopped, killed and restarted on the same data.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { withoutUsersTemporal } from './infrastructure.mjs';
import { logStep } from './log.mjs';
import { applyMigrations } from './migrations.mjs';
import { freePorts } from './ports.mjs';
import { startPostgres } from './postgres.mjs';
import { createAppLogin, createDatabaseIfMissing } from './prisma.mjs';
import { startRedis } from './redis.mjs';
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
  const [postgres, redis, temporal] = await Promise.all([
    crashable(() =>
      startPostgres(supervisor, {
        dir: join(dir, 'postgres'),
        port: postgresPort,
        password: secrets.ownerPassword,
        logFile: join(dir, 'logs/postgres.log'),
        isThrowaway: true,
        isCrashSafe: true,
      }),
    ),
    crashable(
      () => startRedis(supervisor, { dir: redisDir, port: redisPort, logFile: join(dir, 'logs/redis.log') }),
      () => rmSync(redisDir, { recursive: true }),
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

/** A server. `start` starts it, and `forget` deletes its data while it is down. */
async function crashable(start, forget) {
  let running = await start();
  return {
    started: running,
    /** An orderly stop. */
    stop: () => running.process.stop(),
    /** kill -9, with its children. */
    kill: () => running.process.kill(),
    async start() {
      running = await start();
    },
    forget: async () => forget(),
  };
}
