import { apiLimitContradictions, limitContradictions } from './limits';
import type { Environment, Variable } from './variable';
import { API_VARIABLES as API, SERVICE_VARIABLES as SERVICE } from './variables';

/**
 * Invalid combinations of variables. Variables that are invalid by themselves have their own message and are
 * skipped here.
 */
export function serviceContradictions(env: Environment): string[] {
  return [
    ...rising(
      env,
      [SERVICE.escalationLevel1Minutes, SERVICE.escalationLevel2Minutes, SERVICE.escalationLevel3Minutes],
      'more than',
    ),
    ...rising(env, [SERVICE.breakMinMinutes, SERVICE.breakMaxMinutes], 'at least'),
    ...rising(
      env,
      [SERVICE.searchRadiusMeters, SERVICE.searchRadiusMaxMeters, SERVICE.searchRadiusEscalatedMeters],
      'at least',
    ),
    ...rising(env, [SERVICE.searchBackoffSeconds, SERVICE.searchBackoffMaxSeconds], 'at least'),
    ...limitContradictions(env),
    ...differentAliases(env),
    ...halfPushKeys(env),
    ...unknownPayloadKey(env),
  ];
}

/** Exactly one source of token keys is set, and demo tokens are issued on this machine only. */
export function apiContradictions(env: Environment): string[] {
  return [
    ...tokenSources(env),
    ...exposedDemo(env),
    ...sharedTrackingKey(env),
    ...onePortTwice(env),
    ...apiLimitContradictions(env),
  ];
}

function onePortTwice(env: Environment): string[] {
  const [port, adminPort] = [valueOf(env, API.port), valueOf(env, API.adminPort)];
  if (port !== adminPort || port === 0 || port === undefined) return [];
  return [`${API.adminPort.name} is ${port}, as is ${API.port.name}; allowed: another port`];
}

function tokenSources(env: Environment): string[] {
  const { jwksUrl, localKey } = API;
  const set = [jwksUrl, localKey].filter(({ name }) => env[name] !== undefined);
  if (set.length === 1) return [];
  const wrong = set.length === 0 ? 'must not both be unset' : 'are both set';
  return [`${jwksUrl.name} and ${localKey.name} ${wrong}; allowed: exactly one of them`];
}

/** Names of this machine that no other one reaches. */
const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

function exposedDemo(env: Environment): string[] {
  const { demoSignIn, jwksUrl, host, adminHost, trustedProxies } = API;
  if (valueOf(env, demoSignIn) !== 'true') return [];
  const proxies = valueOf(env, trustedProxies) ?? 0;
  const because = [
    ...(env[jwksUrl.name] === undefined ? [] : [`${jwksUrl.name} is set`]),
    ...[host, adminHost].flatMap((variable) => {
      const address = valueOf(env, variable) ?? '';
      return LOOPBACK.includes(address) ? [] : [`${variable.name} is ${JSON.stringify(address)}`];
    }),
    ...(proxies === 0 ? [] : [`${trustedProxies.name} is ${proxies}`]),
  ];
  return because.map((reason) => `${demoSignIn.name} is true and ${reason}; allowed: only one of them`);
}

/** A key that signs for people must not sign what is handed to customers. */
function sharedTrackingKey(env: Environment): string[] {
  const { trackingKey, trackingPreviousKey, localKey } = API;
  const present = env[trackingKey.name];
  const previous = env[trackingPreviousKey.name];
  const own = env[localKey.name];
  return [
    ...(own !== undefined && (present === own || previous === own)
      ? [`${trackingKey.name} is the same as ${localKey.name}; allowed: a key of its own`]
      : []),
    ...(previous !== undefined && present === undefined
      ? [`${trackingPreviousKey.name} is set without ${trackingKey.name}; allowed: both, or neither`]
      : []),
  ];
}

function rising(
  env: Environment,
  variables: readonly Variable<number>[],
  rule: 'more than' | 'at least',
): string[] {
  return variables.slice(1).flatMap((upper, index) => {
    const lower = variables[index];
    if (lower === undefined) return [];
    const [low, high] = [valueOf(env, lower), valueOf(env, upper)];
    if (low === undefined || high === undefined || high > low || (rule === 'at least' && high === low))
      return [];
    return [`${upper.name} is ${high}; allowed: ${rule} ${lower.name}, which is ${low}`];
  });
}

function differentAliases(env: Environment): string[] {
  const { offerExpirationSeconds: proper, driverOffersTimeoutSeconds: alias } = SERVICE;
  const [one, other] = [valueOf(env, proper), valueOf(env, alias)];
  if (one === undefined || one === null || other === undefined || other === null || one === other) return [];
  return [
    `${alias.name} is ${other} and ${proper.name} is ${one}; allowed: the same value, or only one of them set`,
  ];
}

function halfPushKeys(env: Environment): string[] {
  const names = [SERVICE.webPushPublicKey, SERVICE.webPushPrivateKey, SERVICE.webPushSubject].map(
    ({ name }) => name,
  );
  const missing = names.filter((name) => env[name] === undefined);
  if (missing.length === 0 || missing.length === names.length) return [];
  const verb = missing.length === 1 ? 'is' : 'are';
  return [`${missing.join(' and ')} ${verb} not set; allowed: all of ${names.join(', ')}, or none of them`];
}

function unknownPayloadKey(env: Environment): string[] {
  const { payloadKeys, payloadKeyId } = SERVICE;
  const [keys, id] = [valueOf(env, payloadKeys), valueOf(env, payloadKeyId) ?? null];
  if (keys === undefined || id === null || keys.has(id)) return [];
  return [`${payloadKeyId.name} is ${id}; allowed: an id of ${payloadKeys.name}`];
}

function valueOf<T>(env: Environment, { name, schema }: Variable<T>): T | undefined {
  return schema.safeParse(env[name]).data;
}
