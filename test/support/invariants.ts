/** The invariants of design.md, read from PostgreSQL past all code that should keep them. */
import { type Database, sql } from '../../activities/adapters/database';
import { auditProblems } from './auditTrail';

const RULES = [
  { says: 'counts as many live offers as it has', broken: sql`SELECT id FROM drivers d WHERE live_offers <> (SELECT count(*) FROM offers WHERE driver_id = d.id AND state = 'LIVE')` },
  { says: 'counts as many active assignments as it has', broken: sql`SELECT id FROM drivers d WHERE active_assignments <> (SELECT count(*) FROM assignments WHERE driver_id = d.id AND state = 'ACTIVE')` },
  { says: 'holds no more than its capacity', broken: sql`SELECT id FROM drivers WHERE live_offers + active_assignments > capacity` },
  { says: 'is BUSY exactly while it has work', broken: sql`SELECT id FROM drivers WHERE (availability = 'BUSY') <> (active_assignments > 0)` },
  {
    says: 'has a live offer exactly while it is OFFERED',
    broken: sql`SELECT id FROM deliveries d WHERE (status = 'OFFERED') <> EXISTS (SELECT FROM offers WHERE delivery_id = d.id AND state = 'LIVE')`,
  },
  {
    says: 'has an active assignment of its own driver exactly while it is carried',
    broken: sql`SELECT id FROM deliveries d WHERE (status IN ('ASSIGNED', 'AT_PICKUP', 'PICKED_UP', 'AT_DROPOFF', 'RETURNING'))
      <> EXISTS (SELECT FROM assignments WHERE delivery_id = d.id AND state = 'ACTIVE' AND driver_id = d.driver_id)`,
  },
  { says: 'is assigned for its accepted offer', broken: sql`SELECT id FROM offers o WHERE (state = 'ACCEPTED') <> EXISTS (SELECT FROM assignments WHERE offer_id = o.id AND driver_id = o.driver_id)` },
  { says: 'did not expire before its time', broken: sql`SELECT id FROM offers WHERE state = 'EXPIRED' AND ended_at < expires_at` },
  {
    says: 'waits for a search, an answer or a step',
    broken: sql`SELECT id FROM deliveries WHERE status IN ('SEARCHING') AND search_again_at IS NULL`,
  },
  {
    says: 'counts unassigned time exactly while nobody has it',
    broken: sql`SELECT id FROM deliveries WHERE (unassigned_since IS NOT NULL) <> (status IN ('SEARCHING', 'OFFERED'))`,
  },
  {
    says: 'came to its state by moves that are all in the trail',
    broken: sql`SELECT d.id FROM deliveries d LEFT JOIN LATERAL (
        SELECT count(*) AS moves, (array_agg(to_state ORDER BY at DESC, id DESC))[1] AS last FROM audit_entries
        WHERE chain = 'delivery/' || d.id AND kind IN ('delivery_moved', 'delivery_reassigned')) AS trail ON true
      WHERE coalesce(trail.last, 'PENDING') <> d.status`,
  },
  {
    says: 'is in the trail with its beginning and its end',
    broken: sql`SELECT id FROM offers o WHERE (SELECT array_agg(kind ORDER BY at, id) FROM audit_entries WHERE detail->>'offerId' = o.id::text)
      <> CASE WHEN state = 'LIVE' THEN ARRAY['offer_created'] ELSE ARRAY['offer_created', 'offer_' || lower(state)] END`,
  },
] as const;

/** What does not hold, a sentence each; empty = all is as it must be. Only for a moment in which nobody writes. */
export async function brokenInvariants(db: Database): Promise<string[]> {
  const found = await Promise.all(RULES.map(async ({ says, broken }) => (await db.$queryRaw<{ id: string }[]>(broken)).map(({ id }) => `not so: ${id} ${says}`)));
  return [...found.flat(), ...(await auditProblems(db))];
}
