import { SetupError } from './log.mjs';

/** The user's choices by environment variable: ports, and servers that run elsewhere. */
export function readSettings(env = process.env) {
  return {
    apiPort: portOf(env, 'API_PORT', 3001),
    workerHealthPort: portOf(env, 'WORKER_HEALTH_PORT', 3002),
    postgresPort: portOf(env, 'POSTGRES_PORT', 5433),
    redisPort: portOf(env, 'REDIS_PORT', 6380),
    temporalPort: portOf(env, 'TEMPORAL_PORT', 7233),
    temporalUiPort: portOf(env, 'TEMPORAL_UI_PORT', 8233),
    databaseUrl: urlOf(env, 'DATABASE_URL', ['postgresql:', 'postgres:']),
    migrateDatabaseUrl: urlOf(env, 'MIGRATE_DATABASE_URL', ['postgresql:', 'postgres:']),
    redisUrl: urlOf(env, 'REDIS_URL', ['redis:', 'rediss:']),
    hasOwnTemporal: Boolean(env.TEMPORAL_ADDRESS || env.TEMPORAL_PROFILE),
    jwtLocalKey: env.JWT_LOCAL_KEY || undefined,
    hasOwnTokenIssuer: Boolean(env.JWT_JWKS_URL),
  };
}

function portOf(env, name, standard) {
  const text = env[name];
  if (!text) return standard;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new SetupError(
    `${name}=${text} is not a port.`,
    `Set ${name} to a number from 1 to 65535, or unset it for ${standard}.`,
  );
}

function urlOf(env, name, protocols) {
  const text = env[name];
  if (!text) return undefined;
  if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return text;
  // The value itself may hold a password.
  throw new SetupError(
    `${name} is not a URL of the form ${protocols[0]}//…`,
    `Correct ${name}, or unset it to start an embedded server.`,
  );
}
