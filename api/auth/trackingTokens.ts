import { createSecretKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { TrackingSettings } from '../../settings';
import type { Caller } from './caller';
import { TokenError, type TokenReader } from './tokens';

// jose is an ES module only, so it is imported dynamically, once.
const jose = import('jose');

/** The header says what the token is for, so that a tracking token is never taken for that of a person. */
const HEADER = { typ: 'tracking+jwt', alg: 'HS256' } as const;
const BEGINNING = `${Buffer.from(JSON.stringify(HEADER)).toString('base64url')}.`;
const AUDIENCE = 'tracking';

export type TrackingTokens = {
  /** Signs a token that reads this one delivery. */
  issue(deliveryId: string, expiresAt: number): Promise<string>;
  /** How long a token is valid after the delivery is due, in ms. */
  validMs: number;
  /** @throws TokenError */
  read(token: string): Promise<Caller>;
};

/** Tokens with which customers follow a delivery, signed with a key of their own (docs/behaviour.md#tracking). */
export function createTrackingTokens({ key, previousKey, validMs }: TrackingSettings): TrackingTokens {
  const signing = secretOf(key);
  const keys = [signing, ...(previousKey === null ? [] : [secretOf(previousKey)])];
  return {
    validMs,
    issue: async (deliveryId, expiresAt) => {
      const { SignJWT } = await jose;
      return new SignJWT({})
        .setProtectedHeader(HEADER)
        .setAudience(AUDIENCE)
        .setSubject(deliveryId)
        .setIssuedAt()
        .setExpirationTime(Math.floor(expiresAt / 1_000))
        .sign(signing);
    },
    read: async (token) => {
      for (const each of keys) {
        const deliveryId = await deliveryIn(token, each);
        if (deliveryId !== null) return { role: 'tracking', subject: `tracking/${deliveryId}`, deliveryId };
      }
      throw new TokenError('the tracking token is not valid, or has expired');
    },
  };
}

/** Reads tracking tokens too. Others go to `readToken` as before, without another await. */
export function withTracking(readToken: TokenReader, tracking: TrackingTokens | null): TokenReader {
  return (token) => {
    if (!token.startsWith(BEGINNING)) return readToken(token);
    return tracking === null
      ? Promise.reject(new TokenError('tracking is off: no TRACKING_KEY is set'))
      : tracking.read(token);
  };
}

const secretOf = (key: string): KeyObject => createSecretKey(key, 'utf8');
const SUBJECT = z.uuid();

/** @returns null where the token is not of this key, not for tracking, or has expired */
async function deliveryIn(token: string, key: KeyObject): Promise<string | null> {
  const { errors, jwtVerify } = await jose;
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [HEADER.alg],
      typ: HEADER.typ,
      audience: AUDIENCE,
      clockTolerance: 5,
      requiredClaims: ['exp', 'sub'],
    });
    return SUBJECT.safeParse(payload.sub).data ?? null;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
