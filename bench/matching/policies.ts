import { MATCH_WEIGHTS, type MatchWeights } from '../../domain/matching/weights';
import { UsageError } from '../../simulator/kit/arguments';

/**
 * The matcher, and the matcher less one idea, to see what the idea is worth. Couriers of a simulated day answer at
 * once, so no time is kept for an answer unless some refuse.
 */
const POLICIES = {
  matching: {},
  singles: { maxBundle: 1 },
  'without-pay': { payMsPerCent: 0 },
  'free-now': { lookAheadMs: 0 },
} satisfies Record<string, Partial<MatchWeights>>;

/** @throws UsageError for an unknown name */
export function policyOf(name: string, { keepTimeToAnswer }: { keepTimeToAnswer: boolean }): MatchWeights {
  const changes = Object.entries(POLICIES).find(([each]) => each === name)?.[1];
  if (!changes)
    throw new UsageError(
      `--policy must be one of ${Object.keys(POLICIES).join(', ')}, not ${JSON.stringify(name)}`,
    );
  return { ...MATCH_WEIGHTS, ...(keepTimeToAnswer ? {} : { safetyMs: 0 }), ...changes };
}
