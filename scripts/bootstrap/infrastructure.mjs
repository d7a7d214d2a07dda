// PostgreSQL, Redis and Temporal: each is started here, or is the user's own if its address is given.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { logStep, SetupError } from './log.mjs';
import { applyMigrations } from './migrations.mjs';
import { requireFreePort, tryConnect } from './ports.mjs';
import { createAppLogin, createDatabaseIfMissing } from './prisma.mjs';
import { query, startPostgres } from './postgres.mjs';
import { startRedis } from './redis.mjs';
import { registerSearchAttributes } from './temporal-namespace.mjs';
import { startTemporal } from './temporal.mjs';

const DATABASE = 'dispatch';
const APP_LOGIN = 'dispatch';
const REDIS_PORT = 6379;

// Defaults for local runs, unless the user sets the variables. In a deployment, an unset feature is off and
// each request is logged.
const DEMO_SETTINGS = {
  LOG_LEVEL: 'warn',
  // No load balancer is in front.
  SHUTDOWN_DRAIN_SECONDS: '0',
  ENABLE_DRIVER_OFFERS: 'true',
  DRIVER_OFFERS_ROLLOUT: '100',
  ENABLE_AVAILABILITY_STATES: 'true',
  ENABLE_ESCALATION: 'true',
  ENABLE_AUTO_REASSIGNMENT: 'true',
};

/**
 * Starts the servers, migrates the schema and registers the search attributes. Returns the environment for
 * our processes. `settings` come from readSettings. `dir` has data and logs. With `isThrowaway` nothing is
 * kept. `temporalLimits` configures a Temporal server started here.
 */
export async function startInfrastructure(
  supervisor,
  { settings, secrets, dir, isThrowaway = false, temporalLimits },
) {
  await requireFreePort(settings.apiPort, { usedFor: 'the API', variable: 'API_PORT' });
  await requireFreePort(settings.workerHealthPort, {
    usedFor: "the worker's health",
    variable: 'WORKER_HEALTH_PORT',
  });
  const place = { dir, isThrowaway };
  const [database, redis, temporal] = await Promise.all([
    prepareDatabase(supervisor, settings, secrets, place),
    prepareRedis(supervisor, settings, place),
    prepareTemporal(supervisor, settings, { ...place, limits: temporalLimits }),
  ]);
  return {
    ...DEMO_SETTINGS,
    ...process.env,
    ...database,
    ...redis,
    ...temporal,
    API_PORT: String(settings.apiPort),
    API_URL: `http://127.0.0.1:${settings.apiPort}`,
    WORKER_HEALTH_PORT: String(settings.workerHealthPort),
    // Tokens are verified with a local key, or with the keys of the user's issuer.
    JWT_LOCAL_KEY: settings.hasOwnTokenIssuer ? undefined : (settings.jwtLocalKey ?? secrets.jwtLocalKey),
  };
}

async function prepareDatabase(supervisor, settings, secrets, place) {
  const urls = settings.databaseUrl
    ? await givenDatabase(settings)
    : await embeddedDatabase(
        supervisor,
        { port: settings.postgresPort, password: secrets.ownerPassword, ...place },
        secrets,
      );
  logStep('applying database migrations');
  await applyMigrations(urls.MIGRATE_DATABASE_URL);
  if (!settings.databaseUrl)
    await createAppLogin(urls.MIGRATE_DATABASE_URL, { user: APP_LOGIN, password: secrets.appPassword });
  return urls;
}

async function givenDatabase({ databaseUrl, migrateDatabaseUrl = databaseUrl }) {
  try {
    await query(migrateDatabaseUrl, 'SELECT 1');
  } catch (error) {
    const { host, pathname } = new URL(migrateDatabaseUrl);
    throw new SetupError(
      `PostgreSQL at ${host}${pathname} cannot be used: ${error.message}`,
      'Start it, correct DATABASE_URL (and MIGRATE_DATABASE_URL), or unset both to start an embedded server.',
    );
  }
  return { DATABASE_URL: databaseUrl, MIGRATE_DATABASE_URL: migrateDatabaseUrl };
}

async function embeddedDatabase(supervisor, { dir, port, password, isThrowaway }, { appPassword }) {
  const postgres = await startEmbeddedPostgres(supervisor, { dir, port, password, isThrowaway });
  return {
    DATABASE_URL: postgres.urlOf(DATABASE, { user: APP_LOGIN, password: appPassword }),
    MIGRATE_DATABASE_URL: postgres.urlOf(DATABASE),
  };
}

export async function startEmbeddedPostgres(supervisor, { dir, port, password, isThrowaway = false }) {
  logStep(`starting PostgreSQL on port ${port}`);
  const postgres = await startPostgres(supervisor, {
    dir: join(dir, 'postgres'),
    port,
    password,
    logFile: join(dir, 'logs/postgres.log'),
    isThrowaway,
  });
  await createDatabaseIfMissing(postgres.urlOf('postgres'), DATABASE);
  return postgres;
}

async function prepareRedis(supervisor, { redisUrl, redisPort }, { dir, isThrowaway }) {
  if (redisUrl) {
    await requireAnswer(redisUrl, 'REDIS_URL', 'Redis');
    return { REDIS_URL: redisUrl };
  }
  logStep(`starting Redis on port ${redisPort}`);
  const { url } = await startRedis(supervisor, {
    dir: join(dir, 'redis'),
    port: redisPort,
    logFile: join(dir, 'logs/redis.log'),
    isThrowaway,
  });
  return { REDIS_URL: url };
}

async function requireAnswer(url, variable, name) {
  const { hostname, port } = new URL(url);
  try {
    await tryConnect({ host: hostname, port: Number(port) || REDIS_PORT });
  } catch (error) {
    throw new SetupError(
      `${name} at ${hostname}:${port || REDIS_PORT} does not answer: ${error.message}`,
      `Start it, correct ${variable}, or unset it to start an embedded server.`,
    );
  }
}

async function prepareTemporal(
  supervisor,
  { hasOwnTemporal, temporalPort, temporalUiPort },
  { dir, isThrowaway, limits },
) {
  if (hasOwnTemporal) {
    await registerSearchAttributes(process.env);
    return {};
  }
  logStep(`starting Temporal on port ${temporalPort}`);
  const { address, uiUrl } = await startTemporal(supervisor, {
    port: temporalPort,
    uiPort: temporalUiPort,
    databaseFile: isThrowaway ? undefined : join(dir, 'temporal/temporal.db'),
    logFile: join(dir, 'logs/temporal.log'),
    limits,
  });
  const environment = {
    ...withoutUsersTemporal(join(dir, 'temporal.toml')),
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: 'default',
    TEMPORAL_UI_URL: uiUrl,
  };
  await registerSearchAttributes(environment);
  return environment;
}

/**
 * The dev server must not use a key or certificate for the user's own cluster, set by variables or in
 * Temporal's configuration file.
 */
export function withoutUsersTemporal(emptyConfigFile) {
  writeFileSync(emptyConfigFile, '[profile.default]\n');
  const names = Object.keys(process.env).filter((name) => /^TEMPORAL_(TLS|API_KEY|GRPC_META)/.test(name));
  return {
    ...Object.fromEntries(names.map((name) => [name, undefined])),
    TEMPORAL_CONFIG_FILE: emptyConfigFile,
  };
}
