import {
  type CityMatching,
  knownWeights,
  type MatchPolicy,
  STANDARD_MATCHING,
  type WeightChanges,
} from '../../domain/matching/policies';
import { type Read } from '../../services/ports';
import { msOf, sql, type Tx } from './database';

/** A version of a policy, with who made it and why. `at` is epoch ms. */
export type PolicyRow = MatchPolicy & { who: string; why: string; at: number };

type Row = { id: bigint | string; name: string; version: number; weights: unknown };
type SignedRow = Row & { who: string; why: string; created_at: Date };

/** The newest versions of all policies, the newest first. */
export async function readPolicies(read: Read, limit: number): Promise<PolicyRow[]> {
  const rows = await read<SignedRow>(sql`
    SELECT id, name, version, weights, who, why, created_at FROM matching_policies ORDER BY id DESC LIMIT ${limit}`);
  return rows.map(policyRow);
}

/** @param version null = the newest. @returns null where there is none */
export async function readPolicy(
  read: Read,
  { name, version }: { name: string; version: number | null },
): Promise<PolicyRow | null> {
  const [row] = await read<SignedRow>(sql`
    SELECT id, name, version, weights, who, why, created_at FROM matching_policies
    WHERE name = ${name} AND (${version}::int IS NULL OR version = ${version}) ORDER BY version DESC LIMIT 1`);
  return row ? policyRow(row) : null;
}

/** The caller has locked the chain of the policies. */
export async function insertPolicy(
  tx: Tx,
  { name, version, weights }: Pick<MatchPolicy, 'name' | 'version' | 'weights'>,
  { who, why, at }: { who: string; why: string; at: number },
): Promise<PolicyRow> {
  const { id } = await tx.matchingPolicy.create({
    data: { name, version, weights, who, why, createdAt: new Date(at) },
    select: { id: true },
  });
  return { policyId: String(id), name, version, weights, who, why, at };
}

/** What a city is matched by, with who chose it and why; `changeId` null: nobody did. */
export type CityMatchingRow = CityMatching & {
  changeId: string | null;
  last: { who: string; why: string; at: number } | null;
};

type MatchingRow = {
  id: bigint | string;
  live_percent: number;
  live_since: Date;
  who: string;
  why: string;
  created_at: Date;
  live: Row;
  shadow: Row | null;
};

const LIVE = sql`jsonb_build_object('id', l.id::text, 'name', l.name, 'version', l.version, 'weights', l.weights)`;
const SHADOW = sql`CASE WHEN s.id IS NULL THEN NULL ELSE
  jsonb_build_object('id', s.id::text, 'name', s.name, 'version', s.version, 'weights', s.weights) END`;

/** What a city is matched by; the standard policy where nobody chose one. */
export async function readCityMatching(read: Read, cityId: string): Promise<CityMatchingRow> {
  const [row] = await read<MatchingRow>(sql`
    SELECT m.id, m.live_percent, m.live_since, m.who, m.why, m.created_at,
      ${LIVE} AS live, ${SHADOW} AS shadow
    FROM city_matching m JOIN matching_policies l ON l.id = m.live_id
    LEFT JOIN matching_policies s ON s.id = m.shadow_id
    WHERE m.city_id = ${cityId} ORDER BY m.id DESC LIMIT 1`);
  if (!row) return { ...STANDARD_MATCHING, changeId: null, last: null };
  const { id, live, shadow, live_percent: livePercent, live_since: since, who, why, created_at: at } = row;
  return {
    live: policyOf(live),
    livePercent,
    liveSince: msOf(since),
    shadow: shadow && policyOf(shadow),
    changeId: String(id),
    last: { who, why, at: msOf(at) },
  };
}

/** The caller has locked the chain of the city. */
export async function insertCityMatching(
  tx: Tx,
  cityId: string,
  { live, livePercent, liveSince, shadow }: CityMatching,
  { who, why, at }: { who: string; why: string; at: number },
): Promise<void> {
  await tx.cityMatching.create({
    data: {
      cityId,
      liveId: BigInt(live.policyId),
      livePercent,
      liveSince: new Date(liveSince),
      shadowId: shadow && BigInt(shadow.policyId),
      who,
      why,
      createdAt: new Date(at),
    },
  });
}

function policyRow({ who, why, created_at: at, ...row }: SignedRow): PolicyRow {
  return { ...policyOf(row), who, why, at: msOf(at) };
}

function policyOf({ id, name, version, weights }: Row): MatchPolicy {
  const known: WeightChanges = knownWeights(weights);
  return { policyId: String(id), name, version, weights: known };
}
