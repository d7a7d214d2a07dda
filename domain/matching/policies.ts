/** Named sets of weights, and which of them decides for a city. docs/behaviour.md#policies-of-the-matching. */

import { rolloutDraw } from '../features/rollout';
import type { MatchWeights } from './weights';

/**
 * The weights that a policy may change, each with its bounds: durations in ms, money in ms a minor unit. What a weight
 * means is in weights.ts. They keep a policy from being nonsense, not from being bad: for that there are guard rails.
 */
export const WEIGHT_BOUNDS = {
  lookAheadMs: { min: 0, max: 1_800_000 },
  goodsWait: { min: 0, max: 10 },
  driverTime: { min: 0, max: 10 },
  driverTimePressed: { min: 0, max: 10 },
  maxPressure: { min: 0, max: 20 },
  tripTime: { min: 0, max: 5 },
  driverWaits: { min: 0, max: 10 },
  lateness: { min: 0, max: 20 },
  targetMs: { min: 600_000, max: 10_800_000 },
  latenessCushionMs: { min: 0, max: 1_800_000 },
  payMsPerCent: { min: 0, max: 20_000 },
  jobsAnHour: { min: 0.1, max: 10 },
  fairnessMsPerCent: { min: 0, max: 1_000 },
  refusalMs: { min: 0, max: 1_800_000 },
  unmatchedMs: { min: 0, max: 600_000_000 },
  waiting: { min: 0, max: 20 },
  levelMs: { min: 0, max: 36_000_000 },
  maxBundle: { min: 1, max: 3 },
  bundleExtraMs: { min: 0, max: 1_800_000 },
  safetyMs: { min: 0, max: 900_000 },
} satisfies Partial<Record<keyof MatchWeights, { min: number; max: number }>>;

export type TunableWeight = keyof typeof WEIGHT_BOUNDS;

/** What a policy changes of the standard weights. */
export type WeightChanges = Partial<Record<TunableWeight, number>>;

/** A version of a policy. */
export type MatchPolicy = { policyId: string; name: string; version: number; weights: WeightChanges };

/** The weights of the release, as they are. */
export const STANDARD_POLICY: MatchPolicy = { policyId: '0', name: 'standard', version: 1, weights: {} };

/** The weights that only take whole numbers. */
const WHOLE: readonly TunableWeight[] = ['maxBundle'];

/**
 * The weights that are known and within their bounds. Others are left out: a newer release may have stored them, or an
 * older one with other bounds.
 */
export function knownWeights(stored: unknown): WeightChanges {
  if (typeof stored !== 'object' || stored === null) return {};
  const values: Readonly<Record<string, unknown>> = { ...stored };
  const known: WeightChanges = {};
  for (const name of tunableWeights()) {
    const value = values[name];
    if (typeof value === 'number' && isWithin(name, value)) known[name] = value;
  }
  return known;
}

export function tunableWeights(): TunableWeight[] {
  return Object.keys(WEIGHT_BOUNDS).filter((name): name is TunableWeight => name in WEIGHT_BOUNDS);
}

/** Whether a weight may have this value. */
export function isWithin(name: TunableWeight, value: number): boolean {
  const { min, max } = WEIGHT_BOUNDS[name];
  return value >= min && value <= max && (!WHOLE.includes(name) || Number.isInteger(value));
}

/** Whether two policies change the same weights in the same way. */
export function isSameWeights(one: WeightChanges, other: WeightChanges): boolean {
  return tunableWeights().every((name) => one[name] === other[name]);
}

/** What a city is matched by. `livePercent` 0..100; `liveSince` epoch ms: since when both are what they are. */
export type CityMatching = {
  live: MatchPolicy;
  livePercent: number;
  liveSince: number;
  /** Decides beside the live one, and does nothing; null: none. */
  shadow: MatchPolicy | null;
};

export const STANDARD_MATCHING: CityMatching = {
  live: STANDARD_POLICY,
  livePercent: 100,
  liveSince: 0,
  shadow: null,
};

/**
 * How long one policy decides at a stretch where two take turns. A round decides for a whole city, so a share of the
 * deliveries cannot have weights of its own; a share of the time can. Long beside a delivery's wait for a driver.
 */
export const TURN_MS = 15 * 60_000;

/**
 * The policy that decides for a city at an instant: the live one in its share of the turns, else the standard one.
 * Raising the percent only adds turns.
 * @param at epoch ms
 * @param turnMs how long a turn is, by the clock
 */
export function policyInForce(
  { live, livePercent }: Pick<CityMatching, 'live' | 'livePercent'>,
  cityId: string,
  { at, turnMs }: { at: number; turnMs: number },
): MatchPolicy {
  if (live.name === STANDARD_POLICY.name) return live;
  const turn = Math.floor(at / turnMs);
  return rolloutDraw('batch_matching', `${cityId}/${turn}`) < livePercent ? live : STANDARD_POLICY;
}
