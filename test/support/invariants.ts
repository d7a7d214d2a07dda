/** The invariants of design.md, read from PostgreSQL past all code that should keep them. */
import { type Database, sql } from '../../activities/adapters/database';
import { pathProblems } from '../../simulator/checker/deliveryRules';
import { auditProblems, readChains } from './auditTrail';

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
    says: 'waits for a search, an answer or a step, or stands in the support queue',
    broken: sql`SELECT id FROM deliveries WHERE status = 'SEARCHING' AND (search_again_at IS NULL) <> (held_reason IS NOT NULL)`,
  },
  {
    says: 'stands in the support queue while its search waits for ops',
    broken: sql`SELECT id FROM deliveries d WHERE held_reason IS NOT NULL AND NOT EXISTS (SELECT FROM escalations WHERE delivery_id = d.id AND state <> 'RESOLVED')`,
  },
  {
    says: 'is over, and in no queue',
    broken: sql`SELECT id FROM deliveries d WHERE closed_at IS NOT NULL AND EXISTS (SELECT FROM escalations WHERE delivery_id = d.id AND state <> 'RESOLVED')`,
  },
  {
    says: 'has no single offer beside a broadcast',
    broken: sql`SELECT delivery_id AS id FROM offers WHERE state = 'LIVE' GROUP BY delivery_id HAVING count(*) > 1 AND bool_or(kind = 'SINGLE')`,
  },
  {
    says: 'counts unassigned time exactly while nobody has it',
    broken: sql`SELECT id FROM deliveries WHERE (unassigned_since IS NOT NULL) <> (status IN ('SEARCHING', 'OFFERED'))`,
  },
] as const;

/** What does not hold, a sentence each; empty = all is as it must be. Only for a moment in which nobody writes. */
export async function brokenInvariants(db: Database): Promise<string[]> {
  const found = await Promise.all(RULES.map(async ({ says, broken }) => (await db.$queryRaw<{ id: string }[]>(broken)).map(({ id }) => `not so: ${id} ${says}`)));
  return [...found.flat(), ...(await auditProblems(db)), ...(await untoldChanges(db))];
}

/** Every change of state has its audit entry, every entry its change (invariant 7). Read along the chains: their order is that of the transactions, whatever clocks say. */
async function untoldChanges(db: Database): Promise<string[]> {
  const chains = new Map((await readChains(db)).map((each) => [each.chain, each.entries]));
  const deliveries = await db.delivery.findMany({ select: { id: true, status: true } });
  const offers = await db.offer.findMany({ select: { id: true, state: true } });
  const told = new Map<string, string[]>(); // an offer that another delivery ended has its end in that one's chain
  for (const { kind, detail } of [...chains.values()].flat()) {
    if (typeof detail?.offerId === 'string') told.set(detail.offerId, [...(told.get(detail.offerId) ?? []), kind]);
  }
  return [
    ...deliveries.flatMap(({ id, status }) => pathProblems(chains.get(`delivery/${id}`) ?? [], status).map((what) => `delivery ${id}: ${what}`)),
    ...offers.filter(({ id, state }) => (told.get(id) ?? []).sort().join() !== ['offer_created', ...(state === 'LIVE' ? [] : [`offer_${state.toLowerCase()}`])].sort().join())
      .map(({ id, state }) => `offer ${id} is ${state}; its entries are ${(told.get(id) ?? []).join(', ')}`),
  ];
}
