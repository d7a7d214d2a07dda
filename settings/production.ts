import { PRODUCTION_VARIABLES, type ProductionRisk } from './accessVariables';
import type { Environment, Variable } from './variable';
import { API_VARIABLES as API, SERVICE_VARIABLES as SERVICE } from './variables';

/** What is set although NODE_ENV is production. `rather`: what should be set instead. */
type Found = { risk: ProductionRisk; what: string; rather: string };

/** The settings of worker and API that a production must not have. None outside production. */
export function serviceRisks(env: Environment): string[] {
  return refused(env, [
    ...timeScale(env),
    ...plainPostgres(env),
    ...plainRedis(env),
    ...defaultPasswords(env),
    ...localNotices(env),
  ]);
}

/** The settings of the API that a production must not have. */
export function apiRisks(env: Environment): string[] {
  return refused(env, [...localKey(env), ...plainKeys(env), ...demoSignIn(env)]);
}

/** @param isEncrypted whether the connection to Temporal uses TLS */
export function temporalRisks(env: Environment, isEncrypted: boolean): string[] {
  if (isEncrypted) return [];
  const rather = 'TEMPORAL_TLS_… or TEMPORAL_API_KEY';
  return refused(env, [{ risk: 'plain-temporal', what: 'the connection to Temporal has no TLS', rather }]);
}

function refused(env: Environment, found: readonly Found[]): string[] {
  if (env.NODE_ENV !== 'production') return [];
  const { allowedInProduction: override } = PRODUCTION_VARIABLES;
  const allowed = valueOf(env, override) ?? [];
  return found
    .filter(({ risk }) => !allowed.includes(risk))
    .map(
      ({ risk, what, rather }) =>
        `${what} and NODE_ENV is production; allowed: ${rather}, or ${risk} in ${override.name}`,
    );
}

function localKey(env: Environment): Found[] {
  const { localKey: key, jwksUrl } = API;
  if (env[key.name] === undefined) return [];
  return [{ risk: 'local-key', what: `${key.name} is set`, rather: `${jwksUrl.name} in its place` }];
}

function plainKeys(env: Environment): Found[] {
  const { name } = API.jwksUrl;
  return protocolOf(env[name]) === 'http:'
    ? [{ risk: 'plain-jwks', what: `${name} begins with http://`, rather: 'https://' }]
    : [];
}

function demoSignIn(env: Environment): Found[] {
  const { name } = API.demoSignIn;
  return env[name] === 'true'
    ? [{ risk: 'demo-sign-in', what: `${name} is true`, rather: 'unset or false' }]
    : [];
}

function timeScale(env: Environment): Found[] {
  const scale = valueOf(env, SERVICE.timeScale) ?? 1;
  return scale === 1
    ? []
    : [{ risk: 'time-scale', what: `${SERVICE.timeScale.name} is ${scale}`, rather: '1' }];
}

/** The modes with which the driver refuses a server without TLS, or with a certificate that it cannot prove. */
const SAFE_SSL_MODES = ['require', 'verify-ca', 'verify-full'];

function plainPostgres(env: Environment): Found[] {
  const { name } = SERVICE.databaseUrl;
  const mode = urlOf(env[name])?.searchParams.get('sslmode') ?? null;
  if (env[name] === undefined || (mode !== null && SAFE_SSL_MODES.includes(mode))) return [];
  const what = mode === null ? 'has no sslmode' : `has sslmode=${mode}`;
  const rather = `sslmode=${SAFE_SSL_MODES.join(', ')}`;
  return [{ risk: 'plain-postgres', what: `${name} ${what}`, rather }];
}

function plainRedis(env: Environment): Found[] {
  const { name } = SERVICE.redisUrl;
  return protocolOf(env[name]) === 'redis:'
    ? [{ risk: 'plain-redis', what: `${name} begins with redis://`, rather: 'rediss://' }]
    : [];
}

/** Of docker-compose.yml and of public examples. */
const KNOWN_PASSWORDS = [
  'dispatch',
  'driver_service',
  'driver-service',
  'postgres',
  'redis',
  'password',
  'secret',
  'changeme',
  'admin',
];

function defaultPasswords(env: Environment): Found[] {
  return [SERVICE.databaseUrl, SERVICE.redisUrl].flatMap(({ name }): Found[] => {
    const { username = '', password = '' } = urlOf(env[name]) ?? {};
    if (password === '' || (password !== username && !KNOWN_PASSWORDS.includes(password.toLowerCase())))
      return [];
    return [{ risk: 'default-password', what: `${name} has a well-known password`, rather: 'another one' }];
  });
}

/** Notices that go to this machine, in clear: a test's receiver. */
function localNotices(env: Environment): Found[] {
  const { slackWebhookUrl, pagerDutyUrl, webPushAllowLocal } = SERVICE;
  const plain = [slackWebhookUrl, pagerDutyUrl]
    .filter(({ name }) => protocolOf(env[name]) === 'http:')
    .map(({ name }): Found => ({
      risk: 'local-notices',
      what: `${name} begins with http://`,
      rather: 'https://',
    }));
  if (env[webPushAllowLocal.name] !== 'true') return plain;
  return [
    ...plain,
    { risk: 'local-notices', what: `${webPushAllowLocal.name} is true`, rather: 'unset or false' },
  ];
}

function protocolOf(text: string | undefined): string | undefined {
  return urlOf(text)?.protocol;
}

function urlOf(text: string | undefined): URL | undefined {
  return text !== undefined && URL.canParse(text) ? new URL(text) : undefined;
}

function valueOf<T>(env: Environment, { name, schema }: Variable<T>): T | undefined {
  return schema.safeParse(env[name]).data;
}
