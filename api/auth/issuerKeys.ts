import type { JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Log } from '../../services/ports';

// jose is an ES module only, so it is imported dynamically, once.
const jose = import('jose');

/** The age at which the keys are fetched again, in ms: a key that the issuer withdraws goes on for as long. */
export const KEYS_FRESH_MS = 15_000;
/** While the issuer does not answer, its last known keys hold for this long. */
export const KEYS_HELD_MS = 600_000;
/** A token of an unknown key, or an issuer that is away, causes a request at most this often. */
const FETCH_AGAIN_MS = 5_000;
const FETCH_TIMEOUT_MS = 3_000;

type KnownKeys = { keyOf: JWTVerifyGetKey; fetchedAt: number };

/**
 * The public keys of a token issuer, from its JWKS address.
 * @returns rejects with an error of jose where no key fits, and with another error where the keys are not known
 */
export function createIssuerKeys(
  url: string,
  log: Pick<Log, 'warn'>,
  clock: () => number = Date.now,
): JWTVerifyGetKey {
  let known: KnownKeys | null = null;
  let isAway = false;
  let triedAt = -Infinity;
  let fetching: Promise<KnownKeys> | null = null;

  const fetchOnce = (): Promise<KnownKeys> => {
    if (fetching !== null) return fetching;
    triedAt = clock();
    fetching = fetchKeys(url)
      .then(
        (keyOf) => {
          isAway = false;
          return (known = { keyOf, fetchedAt: clock() });
        },
        (error: unknown) => {
          isAway = true;
          log.warn(
            { err: error },
            'the keys of the token issuer cannot be fetched; the last ones hold for a while',
          );
          throw error;
        },
      )
      .finally(() => (fetching = null));
    return fetching;
  };
  const mayAskAgain = (): boolean => clock() - triedAt >= FETCH_AGAIN_MS;
  /** The keys that hold now: fetched lately, or the last ones while the issuer is away. */
  const current = async (): Promise<KnownKeys> => {
    const age = known === null ? Infinity : clock() - known.fetchedAt;
    if (known === null || age >= KEYS_HELD_MS) return fetchOnce();
    if (age < KEYS_FRESH_MS) return known;
    const held = known;
    if (isAway) {
      // Nobody waits for an issuer that did not answer a moment ago.
      if (mayAskAgain()) fetchOnce().catch(() => undefined);
      return held;
    }
    return fetchOnce().catch(() => held);
  };
  return async (header, token) => {
    const keys = await current();
    try {
      return await keys.keyOf(header, token);
    } catch (error) {
      const { JWKSNoMatchingKey } = (await jose).errors;
      if (!(error instanceof JWKSNoMatchingKey) || !mayAskAgain()) throw error;
      return (await fetchOnce()).keyOf(header, token); // the issuer may have a new key
    }
  };
}

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** @throws Error where the answer is no key set */
async function fetchKeys(url: string): Promise<JWTVerifyGetKey> {
  const answer = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/json, application/jwk-set+json' },
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (answer.status !== 200)
    throw new Error(`the token issuer answered ${answer.status} in place of its keys`);
  const { data } = keySet.safeParse(await answer.json());
  if (data === undefined) throw new Error('the token issuer answered with no key set');
  const { createLocalJWKSet } = await jose;
  return createLocalJWKSet(data);
}
