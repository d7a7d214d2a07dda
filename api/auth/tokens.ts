import { createSecretKey } from 'node:crypto';
import { z } from 'zod';
import type { AuthSettings } from '../../settings';
import type { Caller } from './caller';
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

const ID = z.string().min(1).max(128);
const CLAIMS = z.discriminatedUnion('role', [
  z.object({ role: z.literal('driver'), sub: z.uuid() }),
  z.object({
    role: z.literal('ops'),
    sub: ID,
    cities: z.union([z.literal('*'), z.array(ID).max(1_000)]).optional(),
  }),
  z.object({ role: z.literal('merchant'), sub: ID, merchantId: ID }),
  z.object({ role: z.literal('customer'), sub: ID }),
]);

/**
 * Verifies tokens of one issuer for one audience. The expiry is required, and only the algorithms of the key type
 * are accepted.
 */
export function createTokenReader({ keys, issuer, audience }: AuthSettings): TokenReader {
  const expected = { issuer, audience, clockTolerance: 5, requiredClaims: ['exp', 'sub'] };
  const verify = keys.kind === 'local' ? localVerifier(keys.key, expected) : jwksVerifier(keys.url, expected);
  return remembering(async (token) => {
    const payload = await verify(token);
    const claims = CLAIMS.safeParse(payload);
    if (!claims.success) throw new TokenError('the token lacks a valid role or the claims of the role');
    return { caller: callerOf(claims.data), expiresAtMs: (payload.exp ?? 0) * 1_000 };
  });
}

type VerifiedToken = { caller: Caller; expiresAtMs: number };

function remembering(read: (token: string) => Promise<VerifiedToken>): TokenReader {
  const remembered = new RememberedCallers();
  const verifyAndKeep = async (token: string): Promise<Caller> => {
    const { caller, expiresAtMs } = await read(token);
    remembered.keep(token, caller, expiresAtMs - Date.now());
    return caller;
  };
  return (token) => remembered.recall(token) ?? verifyAndKeep(token);
}

type Expected = { issuer: string; audience: string; clockTolerance: number; requiredClaims: string[] };
type Verify = (token: string) => Promise<{ exp?: number }>;

function localVerifier(key: string, expected: Expected): Verify {
  const secret = createSecretKey(key, 'utf8');
  return async (token) => {
    const { jwtVerify } = await jose;
    return (await orTokenError(jwtVerify(token, secret, { ...expected, algorithms: ['HS256'] }))).payload;
  };
}

function jwksVerifier(url: string, expected: Expected): Verify {
  const keySet = jose.then(({ createRemoteJWKSet }) =>
    createRemoteJWKSet(new URL(url), { timeoutDuration: 3_000 }),
  );
  return async (token) => {
    const { jwtVerify } = await jose;
    return (
      await orTokenError(
        jwtVerify(token, await keySet, { ...expected, algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'] }),
      )
    ).payload;
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

function callerOf(claims: z.output<typeof CLAIMS>): Caller {
  switch (claims.role) {
    case 'driver':
      return { role: 'driver', subject: claims.sub, driverId: claims.sub.toLowerCase() };
    case 'ops':
      return {
        role: 'ops',
        subject: claims.sub,
        cities: claims.cities === undefined || claims.cities === '*' ? 'all' : allOr(claims.cities),
      };
    case 'merchant':
      return { role: 'merchant', subject: claims.sub, merchantId: claims.merchantId };
    case 'customer':
      return { role: 'customer', subject: claims.sub };
  }
}

function allOr(cities: readonly string[]): readonly string[] | 'all' {
  return cities.includes('*') ? 'all' : cities;
}
