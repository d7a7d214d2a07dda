// Infrastructure for tests with servers: their own PostgreSQL and Redis, and the paths of Temporal's servers,
// which tests start themselves.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { logStep, logWarning, SetupError } from './log.mjs';
import { cacheDir } from './paths.mjs';
import { freePorts } from './ports.mjs';
import { startPostgres } from './postgres.mjs';
import { findProgram } from './programs.mjs';
import { startRedis } from './redis.mjs';
import { throwawayDir } from './throwaway.mjs';

/** jest.config.cjs reads it if the variables are not set. */
export const testEnvironmentFile = join(cacheDir, 'test-env.json');

/** Returns the environment variables with the addresses for tests. */
export async function startTestInfrastructure(supervisor) {
  const dir = throwawayDir(supervisor);
  const [postgresPort, redisPort] = await freePorts(2);
  logStep('starting PostgreSQL and Redis for the tests');
  const [postgres, redis, temporalCli, temporalTestServer, pgbouncer] = await Promise.all([
    startPostgres(supervisor, {
      dir: join(dir, 'postgres'),
      port: postgresPort,
      password: 'test',
      logFile: join(dir, 'postgres.log'),
      isThrowaway: true,
    }),
    startRedis(supervisor, {
      dir: join(dir, 'redis'),
      port: redisPort,
      logFile: join(dir, 'redis.log'),
      isThrowaway: true,
    }),
    findProgram('temporal', supervisor),
    findProgram('temporal-test-server', supervisor),
    findPgBouncer(supervisor),
  ]);
  return {
    TEST_DATABASE_URL: postgres.urlOf('postgres'),
    TEST_APP_DATABASE_URL: postgres.urlOf('postgres', { user: 'dispatch', password: 'test' }),
    TEST_REDIS_URL: redis.url,
    TEST_TEMPORAL_CLI: temporalCli,
    TEST_TEMPORAL_TEST_SERVER: temporalTestServer,
    ...pgbouncer,
  };
}

/** Where there is none, the tests behind it are skipped and say so; in CI that fails the run. */
async function findPgBouncer(supervisor) {
  try {
    return { TEST_PGBOUNCER: await findProgram('pgbouncer', supervisor) };
  } catch (error) {
    if (process.env.CI || !(error instanceof SetupError)) throw error;
    logWarning(`tests behind PgBouncer are SKIPPED: ${error.message}`);
    return {};
  }
}

/** Lets `npx jest` in other terminals use this infrastructure for as long as it runs. */
export function shareTestEnvironment(supervisor, environment) {
  supervisor.session.addThrowawayDir(testEnvironmentFile);
  writeFileSync(testEnvironmentFile, JSON.stringify(environment, null, 2));
}
