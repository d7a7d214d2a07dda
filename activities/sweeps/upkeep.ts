import { type Clock } from '../../services/ports';

export type UpkeepReport = {
  partitionsMade: number;
  messagesForgotten: number;
  healthForgotten: number;
  changesBlanked: number;
  positionsForgotten: number;
  fingerprintsForgotten: number;
  shadowsForgotten: number;
  roundCountsForgotten: number;
};

export type UpkeepDeps = {
  /**
   * Creates the missing partitions of this many months, starting with this month. A month that already has
   * entries gets one piece a call, so that writers wait for one piece at most.
   * @returns how many it created; 0 if none is missing
   */
  ensureAuditPartitions: (from: Date, months: number) => Promise<number>;
  /**
   * Deletes in limited batches, so that no statement runs long.
   * @returns the number of deleted rows; 0 if there are no more
   */
  pruneSent: (olderThanMs: number) => Promise<number>;
  /** The same for zone health. */
  pruneHealth: (olderThanMs: number) => Promise<number>;
  /** Blanks changes of orders that never came to an end: the API or the workflow died meanwhile. */
  blankChanges: (olderThanMs: number) => Promise<number>;
  /** The same for the position history, which is kept for `positionsKeptMs`. */
  prunePositions: (olderThanMs: number) => Promise<number>;
  positionsKeptMs: number;
  /** The same for the fingerprints of requests with an idempotency key. */
  pruneFingerprints: (olderThanMs: number) => Promise<number>;
  /** The same for what policies in shadow would have done. */
  pruneShadows: (olderThanMs: number) => Promise<number>;
  /** The same for how rounds ended. */
  pruneRoundCounts: (olderThanMs: number) => Promise<number>;
  clock: Clock;
};

const MONTHS_AHEAD = 3;
/** Long enough to trace what was sent when, short enough to keep the table small. */
const SENT_KEPT_MS = 24 * 3_600_000;
/** Long enough to compare with the same hour of last week. */
const HEALTH_KEPT_MS = 7 * 24 * 3_600_000;
const ROUNDS_KEPT_MS = HEALTH_KEPT_MS;
/** Longer than any client retries. */
const FINGERPRINTS_KEPT_MS = 30 * 24 * 3_600_000;

/** Longer than any request is repeated. */
const CHANGES_KEPT_MS = 24 * 3_600_000;

export function createUpkeep({
  ensureAuditPartitions,
  pruneSent,
  pruneHealth,
  blankChanges,
  prunePositions,
  pruneFingerprints,
  pruneShadows,
  pruneRoundCounts,
  positionsKeptMs,
  clock,
}: UpkeepDeps): () => Promise<UpkeepReport> {
  return async () => {
    // Partitions first: entries of a month without one must be moved later. But a partition that cannot be
    // created must not let the outbox grow, so its error is thrown at the end.
    const partitions = await Promise.allSettled([
      untilNone(() => ensureAuditPartitions(new Date(clock()), MONTHS_AHEAD)),
    ]);
    const messagesForgotten = await untilNone(() => pruneSent(SENT_KEPT_MS));
    const healthForgotten = await untilNone(() => pruneHealth(HEALTH_KEPT_MS));
    const changesBlanked = await untilNone(() => blankChanges(CHANGES_KEPT_MS));
    const positionsForgotten = await untilNone(() => prunePositions(positionsKeptMs));
    const fingerprintsForgotten = await untilNone(() => pruneFingerprints(FINGERPRINTS_KEPT_MS));
    const shadowsForgotten = await untilNone(() => pruneShadows(ROUNDS_KEPT_MS));
    const roundCountsForgotten = await untilNone(() => pruneRoundCounts(ROUNDS_KEPT_MS));
    const [made] = partitions;
    if (made.status === 'rejected') throw made.reason;
    return {
      partitionsMade: made.value,
      messagesForgotten,
      healthForgotten,
      changesBlanked,
      positionsForgotten,
      fingerprintsForgotten,
      shadowsForgotten,
      roundCountsForgotten,
    };
  };
}

/** Repeats a step until it has nothing to do. @returns the sum of what the steps did */
async function untilNone(step: () => Promise<number>): Promise<number> {
  let sum = 0;
  for (let did = await step(); did > 0; did = await step()) sum += did;
  return sum;
}
