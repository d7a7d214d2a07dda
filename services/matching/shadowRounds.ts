import { setTimeout as sleep } from 'node:timers/promises';
import { writeShadowRound } from '../../adapters/postgres/shadowRows';
import { type Point } from '../../domain/geo/places';
import { type MatchPolicy, type WeightChanges } from '../../domain/matching/policies';
import { type Round, type RoundInput } from '../../domain/matching/round';
import { compareRounds } from '../../domain/matching/shadow';
import { MATCH_WEIGHTS } from '../../domain/matching/weights';
import { type Log, type Read } from '../ports';
import { shadowRounds, shadowSeconds } from './matchingMetrics';

export type ShadowRoundsDeps = {
  read: Read;
  decide: (input: RoundInput<Point>, changes: WeightChanges) => Generator<void, Round>;
  log: Pick<Log, 'warn'>;
};

/** A round that was decided and acted on, and the policy that shall decide it once more. */
export type ShadowJob = {
  cityId: string;
  input: RoundInput<Point>;
  /** The drivers who could be asked in this round. */
  askable: ReadonlySet<string>;
  live: { policy: MatchPolicy; round: Round };
  policy: MatchPolicy;
  /** How long the live round took. */
  tookMs: number;
};

/**
 * Policies in shadow: they decide rounds that are over, and do nothing.
 * docs/behaviour.md#policies-of-the-matching
 */
export type ShadowRounds = {
  /** Returns at once. Skips the round where it was slow, or while the process is busy with another one. */
  consider(job: ShadowJob): void;
  /** Waits for the round in progress. */
  settled(): Promise<void>;
};

/** A live round that took longer leaves no time for another opinion. */
const SLOW_MS = 2_000;
/** The processor time that one round may take, in turns as long as the rest between them. */
const BUDGET_MS = 1_000;
const TURN_MS = 5;

export function createShadowRounds(deps: ShadowRoundsDeps): ShadowRounds {
  let running: Promise<void> | null = null;
  return {
    consider: (job) => {
      const skipped = running !== null ? 'busy' : job.tookMs > SLOW_MS ? 'slow' : null;
      if (skipped !== null) return shadowRounds.inc({ outcome: skipped });
      running = compare(deps, job)
        .then((outcome) => shadowRounds.inc({ outcome }))
        .catch((error: unknown) => {
          shadowRounds.inc({ outcome: 'failed' });
          deps.log.warn({ err: error, cityId: job.cityId }, 'a policy in shadow could not be compared');
        })
        .finally(() => (running = null));
    },
    settled: async () => running ?? undefined,
  };
}

async function compare(
  { read, decide }: ShadowRoundsDeps,
  { cityId, input, askable, live, policy }: ShadowJob,
): Promise<'compared' | 'nothing_offered' | 'over_budget'> {
  const shadow = await withinBudget(decide(input, policy.weights));
  if (shadow === null) return 'over_budget';
  const compared = compareRounds(input, { live: live.round, shadow, askable }, MATCH_WEIGHTS);
  if (compared.length === 0) return 'nothing_offered';
  const ids = { liveId: live.policy.policyId, shadowId: policy.policyId };
  await writeShadowRound(read, { cityId, at: input.now, ...ids, compared });
  return 'compared';
}

/** @returns null where the budget was spent before the end */
async function withinBudget(steps: Generator<void, Round>): Promise<Round | null> {
  let spentMs = 0;
  await sleep(0); // the live round ends first
  try {
    while (spentMs < BUDGET_MS) {
      const since = performance.now();
      let step = steps.next();
      while (step.done !== true && performance.now() - since < TURN_MS) step = steps.next();
      spentMs += performance.now() - since;
      if (step.done === true) return step.value;
      await sleep(TURN_MS);
    }
    return null;
  } finally {
    shadowSeconds.observe(spentMs / 1_000);
  }
}
