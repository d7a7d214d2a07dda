import { createSecretKey } from 'node:crypto';
import { z } from 'zod';
import type { Log } from '../../services/ports';
import { type AuthSettings, DEFAULT_CLAIMS, DEFAULT_TOKEN_AGE_MS } from '../../settings';
import type { Caller } from './caller';
import { callerOf, type Claims } from './claims';
import { createIssuerKeys } from './issuerKeys';
import { RememberedCallers } from './rememberedCallers';

// jose is an ES module only, so it is imported dynamically, once.
const jose = import('jose');

/** The token is missing, invalid or expired, or lacks claims. The message is for its holder. */
export class TokenError extends Error {
  override name = 'TokenError';
}

/**
 * Verifies a bearer token. Answers synchronously where the token is cached.
 * @returns rejects with TokenError where the token is not valid, and with another error where the keys of the
 *   issuer cannot be fetched
 */
export type TokenReader = (token: string) => Caller | Promise<Caller>;

/**
 * Verifies tokens of one issuer for one audience. The expiry is required, and only the algorithms of the key type
 * are accepted. No token holds longer than `maxAgeMs` after it was issued.
 */
export function createTokenReader(
  { keys, issuer, audience, claims = DEFAULT_CLAIMS, maxAgeMs = DEFAULT_TOKEN_AGE_MS }: AuthSettings,
  log: Pick<Log, 'warn'> = SILENT,
): TokenReader {
  const expected = { issuer, audience, clockTolerance: TOLERANCE_S, requiredClaims: ['exp', 'sub'] };
  const verify =
    keys.kind === 'local' ? localVerifier(keys.key, expected) : jwksVerifier(keys.url, expected, log);
  return remembering(async (token) => {
    const payload = await verify(token);
    const caller = callerOf(payload, claims);
    if (typeof caller === 'string') throw new TokenError(caller);
    return { caller, endsAt: requireYoung(payload, maxAgeMs) };
  });
}

const SILENT: Pick<Log, 'warn'> = { warn: () => undefined };
/** How far the clocks of issuer and service may differ. */
const TOLERANCE_S = 5;
const times = z.object({ exp: z.number(), iat: z.number().optional() });

/**
 * When a verified token ends (epoch ms): at its own expiry, or at the maximum age after it was issued.
 * A token that does not say when it was issued ends at its expiry.
 */
export function tokenEndsAt(token: string, maxAgeMs = DEFAULT_TOKEN_AGE_MS): number {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
  return endOf(times.parse(JSON.parse(payload)), maxAgeMs);
}

function endOf({ exp, iat }: z.output<typeof times>, maxAgeMs: number): number {
  return iat === undefined ? exp * 1_000 : Math.min(exp * 1_000, iat * 1_000 + maxAgeMs);
}

/** @returns the end of the token @throws TokenError where it is too old, or would hold for too long */
function requireYoung(payload: Claims, maxAgeMs: number): number {
  const { data: issued } = times.safeParse(payload);
  if (issued === undefined) throw new TokenError('the token has a time that is no number');
  const [now, tolerance] = [Date.now(), TOLERANCE_S * 1_000];
  const endsAt = endOf(issued, maxAgeMs);
  if (issued.iat !== undefined && issued.iat * 1_000 > now + tolerance)
    throw new TokenError('the token was issued in the future');
  if (issued.iat === undefined && endsAt > now + maxAgeMs + tolerance)
    throw new TokenError('the token lacks the time at which it was issued, and holds for too long');
  if (endsAt <= now - tolerance) throw new TokenError('the token is too old');
  return endsAt;
}

type VerifiedToken = { caller: Caller; endsAt: number };

function remembering(read: (token: string) => Promise<VerifiedToken>): TokenReader {
  const remembered = new RememberedCallers();
  const verifyAndKeep = async (token: string): Promise<Caller> => {
    const { caller, endsAt } = await read(token);
    remembered.keep(token, caller, endsAt - Date.now());
    return caller;
  };
  return (token) => remembered.recall(token) ?? verifyAndKeep(token);
}

type Expected = { issuer: string; audience: string; clockTolerance: number; requiredClaims: string[] };
type Verify = (token: string) => Promise<Claims>;

function localVerifier(key: string, expected: Expected): Verify {
  const secret = createSecretKey(key, 'utf8');
  return async (token) => {
    const { jwtVerify } = await jose;
    return (await orTokenError(jwtVerify(token, secret, { ...expected, algorithms: ['HS256'] }))).payload;
  };
}

function jwksVerifier(url: string, expected: Expected, log: Pick<Log, 'warn'>): Verify {
  const keyOf = createIssuerKeys(url, log);
  return async (token) => {
    const { jwtVerify } = await jose;
    const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
    return (await orTokenError(jwtVerify(token, keyOf, { ...expected, algorithms }))).payload;
  };
}

/** Converts errors of the token to TokenError. Failures of the issuer are not the holder's fault and pass through. */
async function orTokenError<T>(verified: Promise<T>): Promise<T> {
  const { errors } = await jose;
  try {
    return await verified;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw new TokenError('the token has expired');
    const tokenErrors = [
      errors.JWTClaimValidationFailed,
      errors.JWSInvalid,
      errors.JWTInvalid,
      errors.JWSSignatureVerificationFailed,
      errors.JWKSNoMatchingKey,
      errors.JWKSMultipleMatchingKeys,
      errors.JOSEAlgNotAllowed,
      errors.JOSENotSupported,
    ];
    if (tokenErrors.some((kind) => error instanceof kind)) throw new TokenError('the token is not valid');
    throw error;
  }
}
