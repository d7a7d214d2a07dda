import { createHash } from 'node:crypto';
import { canonicalJson } from '../domain/audit/canonicalJson';
import { keepFingerprint } from '../adapters/postgres/requestFingerprints';
import { type Clock, type Read } from './ports';

/** The request that an idempotency key came with: who sent it, to which route with which ids. */
export type KeyScope = {
  role: string;
  subject: string;
  route: string;
  params: Readonly<Record<string, unknown>>;
  key: string;
};

export type RequestFingerprints = {
  /**
   * Whether the body is the one that the key came with first. A key without a fingerprint, as of an older release
   * or after a month, gets this one.
   */
  isSameRequest(scope: KeyScope, body: unknown): Promise<boolean>;
};

/** Only hashes are stored, so neither keys nor what people write. */
export function createRequestFingerprints({
  read,
  clock,
}: {
  read: Read;
  clock: Clock;
}): RequestFingerprints {
  return {
    isSameRequest: async ({ role, subject, route, params, key }, body) => {
      const fingerprint = hashOf(body);
      const first = await keepFingerprint(
        read,
        hashOf([role, subject, route, params, key]),
        fingerprint,
        clock(),
      );
      return fingerprint.equals(first);
    },
  };
}

/** What the client sent, whatever its order of fields. A null is kept: in a change it empties a field. */
function hashOf(value: unknown): Buffer {
  return createHash('sha256').update(canonicalJson(value)).digest();
}
