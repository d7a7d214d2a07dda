/**
 * What must hold of PostgreSQL's rows whenever nobody writes (docs/adr); each query gives the ids of those
 * for which it does not.
 */
export const ROW_RULES: readonly { says: string; broken: string }[] = [
  {
    says: 'counts exactly its live offers',
    broken: `SELECT id FROM drivers d
      WHERE live_offers <> (SELECT count(*) FROM offers WHERE driver_id = d.id AND state = 'LIVE')`,
  },
  {
    says: 'counts exactly its active assignments',
    broken: `SELECT id FROM drivers d
      WHERE active_assignments <> (SELECT count(*) FROM assignments WHERE driver_id = d.id AND state = 'ACTIVE')`,
  },
  {
    says: 'holds no more than its capacity and its next job',
    broken: `SELECT id FROM drivers WHERE live_offers + active_assignments > capacity + next_slots`,
  },
  {
    says: 'is BUSY exactly while it has work',
    broken: `SELECT id FROM drivers WHERE (availability = 'BUSY') <> (active_assignments > 0)`,
  },
  {
    says: 'has a live offer exactly while it is OFFERED',
    broken: `SELECT id FROM deliveries d
      WHERE (status = 'OFFERED') <> EXISTS (SELECT FROM offers WHERE delivery_id = d.id AND state = 'LIVE')`,
  },
  {
    says: 'has an active assignment of its own driver exactly while it is carried',
    broken: `SELECT id FROM deliveries d
      WHERE (status IN ('ASSIGNED', 'AT_PICKUP', 'PICKED_UP', 'AT_DROPOFF', 'RETURNING'))
      <> EXISTS (SELECT FROM assignments WHERE delivery_id = d.id AND state = 'ACTIVE' AND driver_id = d.driver_id)`,
  },
  {
    says: 'is assigned for its accepted offer',
    broken: `SELECT id FROM offers o
      WHERE (state = 'ACCEPTED') <> EXISTS (SELECT FROM assignments WHERE offer_id = o.id AND driver_id = o.driver_id)`,
  },
  {
    says: 'did not end before its expiry',
    broken: `SELECT id FROM offers WHERE state = 'EXPIRED' AND ended_at < expires_at`,
  },
  {
    says: 'waits for a search, an answer or a step, or is in the support queue',
    broken: `SELECT id FROM deliveries WHERE status = 'SEARCHING'
      AND (search_again_at IS NULL) <> (held_reason IS NOT NULL)`,
  },
  {
    says: 'is in the support queue while its search waits for ops',
    broken: `SELECT id FROM deliveries d
      WHERE held_reason IS NOT NULL
        AND NOT EXISTS (SELECT FROM escalations WHERE delivery_id = d.id AND state <> 'RESOLVED')`,
  },
  {
    says: 'has left the support queue once it is closed',
    broken: `SELECT id FROM deliveries d
      WHERE closed_at IS NOT NULL
        AND EXISTS (SELECT FROM escalations WHERE delivery_id = d.id AND state <> 'RESOLVED')`,
  },
  {
    says: 'has no single offer beside a broadcast',
    broken: `SELECT delivery_id AS id FROM offers WHERE state = 'LIVE'
      GROUP BY delivery_id HAVING count(*) > 1 AND bool_or(kind = 'SINGLE')`,
  },
  {
    says: 'is offered, taken and ended with the rest of its trip',
    broken: `SELECT trip_id AS id FROM offers WHERE trip_id IS NOT NULL
      GROUP BY trip_id HAVING count(DISTINCT state) > 1 OR count(DISTINCT driver_id) > 1`,
  },
  {
    says: 'has no live offer beside a trip',
    broken: `SELECT driver_id AS id FROM offers WHERE state = 'LIVE'
      GROUP BY driver_id HAVING count(*) > 1 AND (count(DISTINCT trip_id) <> 1 OR bool_or(trip_id IS NULL))`,
  },
  {
    says: 'was made by a round to the driver and for the delivery that it proposed',
    broken: `SELECT id FROM offers WHERE choice ? 'proposal'
      AND (kind <> 'SINGLE' OR choice #>> '{proposal,pair,driverId}' <> driver_id::text
        OR NOT choice #> '{proposal,pair,deliveryIds}' ? delivery_id::text)`,
  },
  {
    says: 'counts unassigned time exactly while nobody has it',
    broken: `SELECT id FROM deliveries WHERE (unassigned_since IS NOT NULL) <> (status IN ('SEARCHING', 'OFFERED'))`,
  },
];
