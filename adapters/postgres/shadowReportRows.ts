import { type Read } from '../../services/ports';
import { instant, sql } from './database';

/** Which rounds of a city are reported: those of one pair of policies, from `from` to `to` (epoch ms). */
export type ShadowSpan = { cityId: string; shadowId: string; from: number; to: number };

/** The most rounds of one report, the newest of the span. */
export const MOST_ROUNDS = 5_000;

/** The deliveries of the rounds, each element with its round’s instant. */
const ELEMENTS = ({ cityId, shadowId, from, to }: ShadowSpan) => sql`
  rounds AS (SELECT at, compared FROM shadow_rounds
    WHERE city_id = ${cityId} AND shadow_id = ${shadowId}::bigint AND at >= ${instant(from)} AND at <= ${instant(to)}
    ORDER BY at DESC LIMIT ${MOST_ROUNDS}),
  each AS (SELECT at, (e->>0)::uuid AS id, e->1 AS live, e->2 AS shadow
    FROM rounds, jsonb_array_elements(compared) AS e),
  offered AS (SELECT DISTINCT ON (id) at, id, live, shadow FROM each WHERE live->>'a' = 'OFFER' ORDER BY id, at)`;

/** How often two policies agreed. Each delivery counts once: in the round in which the live policy first offered it. */
export type Agreement = {
  rounds: number;
  deliveries: number;
  sameDriver: number;
  otherDriver: number;
  heldByShadow: number;
  nobodyByShadow: number;
  /** Deliveries that the shadow offered in a round in which the live policy did not. */
  earlierByShadow: number;
};

export async function readAgreement(read: Read, span: ShadowSpan): Promise<Agreement> {
  const [row] = await read<Agreement>(sql`
    WITH ${ELEMENTS(span)}
    SELECT (SELECT count(*) FROM rounds)::int AS rounds, count(*)::int AS deliveries,
      count(*) FILTER (WHERE shadow->>'a' = 'OFFER' AND shadow->>'d' = live->>'d')::int AS "sameDriver",
      count(*) FILTER (WHERE shadow->>'a' = 'OFFER' AND shadow->>'d' <> live->>'d')::int AS "otherDriver",
      count(*) FILTER (WHERE shadow->>'a' = 'HOLD')::int AS "heldByShadow",
      count(*) FILTER (WHERE shadow->>'a' = 'NOBODY')::int AS "nobodyByShadow",
      (SELECT count(DISTINCT id) FROM each WHERE shadow->>'a' = 'OFFER' AND live->>'a' <> 'OFFER')::int
        AS "earlierByShadow"
    FROM offered`);
  if (!row) throw new Error('an aggregate without groups has one row');
  return row;
}

/** Mean, median and the ninth decile; null = nothing to count. */
export type Spread = { mean: number | null; p50: number | null; p90: number | null };

/** What was to be expected of the choices of one policy. Money in minor units. */
export type Expected = {
  toPickupMs: Spread;
  latenessMs: Spread;
  payToComeCents: Spread;
  earnedOverMeanCents: Spread;
  acceptOdds: Spread;
  drivers: number;
  /** The standard deviation of what the drivers would have been given, each with their sum. */
  payOfDriverSpreadCents: number | null;
};

/** Of the deliveries for which both policies had a driver. Null = there are none. */
export async function readExpected(
  read: Read,
  span: ShadowSpan,
): Promise<{ pairs: number; live: Expected; shadow: Expected } | null> {
  const rows = await read<{ side: 'live' | 'shadow'; pairs: number; expected: Expected }>(sql`
    WITH ${ELEMENTS(span)},
    choices AS (SELECT side, choice->>'d' AS driver_id, (choice->>'p')::float8 AS p, (choice->>'l')::float8 AS l,
        (choice->>'c')::float8 AS c, (choice->>'f')::float8 AS f, (choice->>'o')::float8 AS o
      FROM offered, LATERAL (VALUES ('live', live), ('shadow', shadow)) AS of_side (side, choice)
      WHERE shadow->>'d' IS NOT NULL),
    sums AS (SELECT side, stddev_pop(sum) AS spread
      FROM (SELECT side, driver_id, sum(c) AS sum FROM choices GROUP BY side, driver_id) AS of_driver GROUP BY side)
    SELECT side, count(*)::int AS pairs, jsonb_build_object('drivers', count(DISTINCT driver_id),
      'payOfDriverSpreadCents', spread::float8, 'toPickupMs', ${spreadOf('p')}, 'latenessMs', ${spreadOf('l')},
      'payToComeCents', ${spreadOf('c')}, 'earnedOverMeanCents', ${spreadOf('f')},
      'acceptOdds', ${spreadOf('o')}) AS expected
    FROM choices JOIN sums USING (side) GROUP BY side, spread`);
  const [live, shadow] = (['live', 'shadow'] as const).map((each) => rows.find(({ side }) => side === each));
  return live && shadow ? { pairs: live.pairs, live: live.expected, shadow: shadow.expected } : null;
}

/** What became of the deliveries that the live policy offered, by now. */
export type Happened = {
  deliveries: number;
  /** Of the first offers: how they ended. `open`: not yet, or it was never made. */
  accepted: number;
  rejected: number;
  lapsed: number;
  open: number;
  delivered: number;
  /** From the round until the driver who carried it was at the pickup; behind the end of the window, or the target. */
  toPickupMs: Spread;
  latenessMs: Spread;
  payCents: Spread;
};

/** @param targetMs from the order until the customer should have it, where there is no window */
export async function readHappened(read: Read, span: ShadowSpan, targetMs: number): Promise<Happened> {
  const [row] = await read<Happened>(sql`
    WITH ${ELEMENTS(span)},
    facts AS (SELECT first.state, d.status,
        extract(epoch FROM carried.at_pickup_at - offered.at) * 1000 AS p,
        greatest(0, extract(epoch FROM o.completed_at
          - coalesce(d.window_to, d.created_at + ${targetMs} * interval '1 millisecond')) * 1000) AS l,
        carried.pay_cents AS c
      FROM offered JOIN deliveries d ON d.id = offered.id
      JOIN stops o ON o.delivery_id = d.id AND o.kind = 'DROPOFF'
      LEFT JOIN LATERAL (SELECT state FROM offers WHERE delivery_id = d.id AND created_at >= offered.at
        ORDER BY created_at LIMIT 1) AS first ON true
      LEFT JOIN LATERAL (SELECT at_pickup_at, pay_cents FROM assignments WHERE delivery_id = d.id
        ORDER BY started_at DESC LIMIT 1) AS carried ON true)
    SELECT count(*)::int AS deliveries, count(*) FILTER (WHERE state = 'ACCEPTED')::int AS accepted,
      count(*) FILTER (WHERE state = 'REJECTED')::int AS rejected,
      count(*) FILTER (WHERE state = 'EXPIRED')::int AS lapsed,
      count(*) FILTER (WHERE state IS NULL OR state NOT IN ('ACCEPTED', 'REJECTED', 'EXPIRED'))::int AS open,
      count(*) FILTER (WHERE status = 'DELIVERED')::int AS delivered,
      ${spreadOf('p')} AS "toPickupMs", ${spreadOf('l')} AS "latenessMs", ${spreadOf('c')} AS "payCents"
    FROM facts`);
  if (!row) throw new Error('an aggregate without groups has one row');
  return row;
}

function spreadOf(column: 'p' | 'l' | 'c' | 'f' | 'o') {
  const value = { p: sql`p`, l: sql`l`, c: sql`c`, f: sql`f`, o: sql`o` }[column];
  return sql`jsonb_build_object('mean', avg(${value})::float8,
    'p50', (percentile_cont(0.5) WITHIN GROUP (ORDER BY ${value}))::float8,
    'p90', (percentile_cont(0.9) WITHIN GROUP (ORDER BY ${value}))::float8)`;
}
