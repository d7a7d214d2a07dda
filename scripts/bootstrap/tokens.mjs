// Tokens of the demo: their subjects and how they are signed.
import { createSecretKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { SetupError } from './log.mjs';
import { dataDir } from './paths.mjs';
import { keptSecrets } from './secrets.mjs';
import { readSettings } from './settings.mjs';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ANSWER_TIMEOUT_MS = 5_000;
const NAMES_SHOWN = 20;

/** Ops of every city. */
export const OPS = { role: 'ops', id: 'demo-ops' };

/** The arguments of the command are invalid. */
export class UsageError extends Error {}

/** The requested token: `{ role, id }`. A driver's id may still be a name. */
export function readHolder([role, ...words]) {
  const id = words.join(' ').trim();
  switch (role) {
    case 'ops':
      if (id === '') return OPS;
      throw new UsageError('ops takes no further argument.');
    case 'merchant':
    case 'driver':
      if (id !== '' && id.length <= 128) return { role, id };
      throw new UsageError(`Which ${role}?`);
    case 'customer':
      if (UUID.test(id)) return { role, id };
      throw new UsageError('Name a customer by the id of their delivery.');
    default:
      throw new UsageError(role === undefined ? 'Name a role.' : `There is no role "${role}".`);
  }
}

/** @throws SetupError if tokens come from an issuer, or there is no local key */
export function localSigner(env = process.env) {
  const key = createSecretKey(localKey(readSettings(env)), 'utf8');
  return (holder) =>
    new SignJWT(claimsOf(holder, env))
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(env.JWT_ISSUER || 'driver-service')
      .setAudience(env.JWT_AUDIENCE || 'driver-service')
      .setSubject(holder.id)
      .setIssuedAt()
      .setExpirationTime('24h')
      .sign(key);
}

function localKey({ hasOwnTokenIssuer, jwtLocalKey }) {
  if (hasOwnTokenIssuer)
    throw new SetupError(
      'JWT_JWKS_URL is set: the service accepts only tokens of that issuer.',
      'Get a token from the issuer, or unset JWT_JWKS_URL here and for the service.',
    );
  if (jwtLocalKey) return jwtLocalKey;
  const kept = join(dataDir, 'secrets.json');
  if (existsSync(kept)) return keptSecrets(kept).jwtLocalKey;
  throw new SetupError(
    'There is no local signing key.',
    'Run npm start first to create one, or set JWT_LOCAL_KEY to the key of the service.',
  );
}

/** The claims by the names that the service expects, each at the top. */
function claimsOf({ role, id }, env) {
  const named = { [env.JWT_ROLE_CLAIM || 'role']: valueOf(role, env.JWT_ROLE_VALUES || '') };
  switch (role) {
    case 'ops':
      return { ...named, [env.JWT_CITIES_CLAIM || 'cities']: '*' };
    case 'merchant':
      return { ...named, [env.JWT_MERCHANT_CLAIM || 'merchantId']: id };
    case 'driver':
      return { ...named, ...(env.JWT_DRIVER_CLAIM ? { [env.JWT_DRIVER_CLAIM]: id } : {}) };
    default:
      return named;
  }
}

/** The issuer's name of a role. */
function valueOf(role, values) {
  const pair = values.split(',').find((each) => each.trim().endsWith(`=${role}`));
  return pair ? pair.trim().slice(0, -role.length - 1) : role;
}

/**
 * The id of the only driver with this name, or with a name that begins so. Letter case does not matter. An id
 * is returned unchanged.
 */
export async function findDriverId(nameOrId, { apiUrl, token }) {
  if (UUID.test(nameOrId)) return nameOrId;
  const drivers = await allDrivers(apiUrl, token);
  const asked = nameOrId.toLowerCase();
  const exact = drivers.filter(({ name }) => name.toLowerCase() === asked);
  const found = exact.length > 0 ? exact : drivers.filter(({ name }) => name.toLowerCase().startsWith(asked));
  if (found.length === 1) return found[0].driverId;
  if (found.length > 1)
    throw new SetupError(
      `"${nameOrId}" is the name of ${found.length} drivers:`,
      `${listed(found)}\n    Give the id instead.`,
    );
  throw new SetupError(`There is no driver "${nameOrId}".`, `There are:\n    ${listed(drivers)}`);
}

function listed(drivers) {
  const shown = drivers.slice(0, NAMES_SHOWN).map(({ name, driverId }) => `${name}  ${driverId}`);
  if (drivers.length > NAMES_SHOWN) shown.push(`and ${drivers.length - NAMES_SHOWN} more`);
  return shown.length === 0 ? 'none yet' : shown.join('\n    ');
}

async function allDrivers(apiUrl, token) {
  const found = [];
  for (let cursor = null; cursor !== undefined;) {
    const query = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = await ask(`${apiUrl}/v2/drivers?limit=100${query}`, token);
    if (!answer)
      throw new SetupError(
        `No service answers at ${apiUrl}, so the driver's name cannot be resolved.`,
        'Run npm start in another terminal, or give the id of the driver.',
      );
    const page = await answer.json();
    found.push(...page.drivers);
    cursor = page.nextCursor ?? undefined;
  }
  return found.sort((one, other) => one.name.localeCompare(other.name));
}

/** Whether the service accepts the token; false if no service answers. @throws SetupError if it is refused */
export async function acceptedBy(apiUrl, token) {
  return (await ask(`${apiUrl}/v2/cities?limit=1`, token)) !== undefined;
}

/** Undefined if no service answers. */
async function ask(url, token) {
  const headers = { authorization: `Bearer ${token}` };
  let answer;
  try {
    answer = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  } catch {
    return undefined;
  }
  if (answer.ok) return answer;
  const { origin } = new URL(url);
  if (answer.status === 401)
    throw new SetupError(
      `The service at ${origin} does not accept tokens signed with the local key.`,
      'It was started with JWT_JWKS_URL, or with another JWT_LOCAL_KEY, JWT_ISSUER or JWT_AUDIENCE.',
    );
  throw new SetupError(`${origin} answered ${answer.status}: ${await answer.text()}`);
}
