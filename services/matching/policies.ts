import { type Actor } from '../../domain/delivery/status';
import { type Message } from '../../domain/notices/message';
import {
  type CityMatching,
  isSameWeights,
  STANDARD_POLICY,
  type WeightChanges,
} from '../../domain/matching/policies';
import { lockChain } from '../../adapters/postgres/configurationTrail';
import { type Database, readerOf, type Tx } from '../../adapters/postgres/database';
import { enqueue } from '../../adapters/postgres/outbox';
import {
  type CityMatchingRow,
  insertCityMatching,
  insertPolicy,
  type PolicyRow,
  readCityMatching,
  readPolicies,
  readPolicy,
} from '../../adapters/postgres/policyRows';
import { NO_CITY, recordChange, type Settings } from '../configuration';
import { type Clock, type NotifyRelay } from '../ports';

export type { CityMatchingRow, PolicyRow };

export type MatchPoliciesDeps = {
  db: Database;
  clock: Clock;
  /** Called after a commit that wrote to the outbox. */
  notifyRelay: NotifyRelay;
};

/** Who changes something, why, and what is told of it in the same transaction. */
export type PolicyChangedBy = {
  by: Actor;
  why: string;
  correlationId: string;
  messages?: readonly Message[];
};

/** A policy by name, of this version or the newest. */
export type PolicyName = { name: string; version: number | null };

/** What a city shall be matched by. `after`: as of a feature, the change that this one is based on. */
export type CityMatchingRequest = {
  live: PolicyName;
  livePercent: number;
  shadow: PolicyName | null;
  after?: string | null;
};

export type CityMatchingAnswer =
  | { outcome: 'unknownPolicy'; name: string }
  | { outcome: 'overtaken'; matching: CityMatchingRow }
  | { outcome: 'done'; matching: CityMatchingRow };

/** Policies of the matching, and the cities that they decide for (docs/behaviour.md#policies-of-the-matching). */
export type MatchPolicies = {
  /** The newest versions of all policies. */
  list(): Promise<PolicyRow[]>;
  /** A new version of a policy. A repeat of the newest one changes nothing. @returns null for the standard one */
  write(name: string, weights: WeightChanges, by: PolicyChangedBy): Promise<PolicyRow | null>;
  of(cityId: string): Promise<CityMatchingRow>;
  /** Replaces what a city is matched by. A repeat changes nothing. */
  choose(cityId: string, request: CityMatchingRequest, by: PolicyChangedBy): Promise<CityMatchingAnswer>;
};

const MOST_LISTED = 200;

export function createMatchPolicies(deps: MatchPoliciesDeps): MatchPolicies {
  const { db, notifyRelay } = deps;
  return {
    list: () => readPolicies(readerOf(db), MOST_LISTED),
    write: async (name, weights, by) =>
      name === STANDARD_POLICY.name ? null : db.$transaction((tx) => write(tx, deps, { name, weights }, by)),
    of: (cityId) => readCityMatching(readerOf(db), cityId),
    choose: async (cityId, request, by) => {
      const answer = await db.$transaction((tx) => choose(tx, deps, { cityId, request, by }));
      notifyRelay();
      return answer;
    },
  };
}

/** Changes of policies are in the chain of the feature: they belong to no city. */
async function write(
  tx: Tx,
  { clock }: MatchPoliciesDeps,
  { name, weights }: { name: string; weights: WeightChanges },
  { by, why, correlationId }: PolicyChangedBy,
): Promise<PolicyRow> {
  const changing = {
    chain: 'feature/batch_matching',
    subject: 'matching_policy',
    id: name,
    cityId: null,
  } as const;
  const head = await lockChain(tx, changing.chain, NO_CITY);
  const last = await readPolicy(readerOf(tx), { name, version: null });
  if (last && isSameWeights(last.weights, weights)) return last;
  const at = clock();
  const version = (last?.version ?? 0) + 1;
  const made = await insertPolicy(tx, { name, version, weights }, { who: by.id, why, at });
  const before = last && { version: last.version, weights: last.weights };
  await recordChange(tx, { changing, head, by: { by, correlationId, why }, at }, before, {
    version,
    weights,
  });
  return made;
}

type Choosing = { cityId: string; request: CityMatchingRequest; by: PolicyChangedBy };

async function choose(
  tx: Tx,
  { clock }: MatchPoliciesDeps,
  { cityId, request: { live: asked, livePercent, shadow: beside, after }, by }: Choosing,
): Promise<CityMatchingAnswer> {
  const changing = { chain: `city/${cityId}`, subject: 'city_matching', id: cityId, cityId } as const;
  const head = await lockChain(tx, changing.chain, cityId);
  const read = readerOf(tx);
  const live = await readPolicy(read, asked);
  if (!live) return { outcome: 'unknownPolicy', name: asked.name };
  const shadow = beside && (await readPolicy(read, beside));
  if (beside && !shadow) return { outcome: 'unknownPolicy', name: beside.name };
  const before = await readCityMatching(read, cityId);
  const at = clock();
  const isSameLive = before.live.policyId === live.policyId && before.livePercent === livePercent;
  const next = { live, livePercent, shadow, liveSince: isSameLive ? before.liveSince : at };
  if (isSameLive && before.shadow?.policyId === shadow?.policyId)
    return { outcome: 'done', matching: before };
  if (after !== undefined && after !== before.changeId) return { outcome: 'overtaken', matching: before };
  const { by: actor, why, correlationId, messages = [] } = by;
  await insertCityMatching(tx, cityId, next, { who: actor.id, why, at });
  const told = { changing, head, by: { by: actor, correlationId, why }, at };
  await recordChange(tx, told, settingsOf(before), settingsOf(next));
  await enqueue(tx, `matching/${cityId}`, correlationId, messages);
  return { outcome: 'done', matching: await readCityMatching(read, cityId) };
}

function settingsOf({ live, livePercent, shadow }: CityMatching): Settings {
  return { live: nameOf(live), livePercent, shadow: shadow && nameOf(shadow) };
}

const nameOf = ({ name, version }: { name: string; version: number }): string => `${name} ${version}`;
