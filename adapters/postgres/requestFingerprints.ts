import { type Read } from '../../services/ports';
import { type Database, sql } from './database';

/**
 * Keeps the fingerprint of the first request under a key.
 * @returns the fingerprint that the key has: this one, or that of an earlier request
 */
export async function keepFingerprint(
  read: Read,
  keyHash: Uint8Array,
  fingerprint: Uint8Array,
  now: number,
): Promise<Uint8Array> {
  // The update changes nothing: it waits for a request that keeps its own at this moment, and returns that.
  const [kept] = await read<{ fingerprint: Uint8Array }>(sql`
    INSERT INTO request_fingerprints (key_hash, fingerprint, created_at)
    VALUES (${keyHash}, ${fingerprint}, ${new Date(now).toISOString()}::timestamptz)
    ON CONFLICT (key_hash) DO UPDATE SET fingerprint = request_fingerprints.fingerprint
    RETURNING fingerprint`);
  return kept?.fingerprint ?? fingerprint;
}

/** Deletes old fingerprints, a limited number in one statement. @returns how many */
export async function pruneFingerprints(db: Database, olderThanMs: number): Promise<number> {
  return db.$executeRaw`DELETE FROM request_fingerprints WHERE key_hash IN (
    SELECT key_hash FROM request_fingerprints
      WHERE created_at < now() - ${olderThanMs} * interval '1 millisecond' ORDER BY created_at LIMIT 10000)`;
}
