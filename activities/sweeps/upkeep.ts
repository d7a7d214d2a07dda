import { type Clock } from '../../services/ports';

export type UpkeepReport = {
  partitionsMade: number;
  messagesForgotten: number;
  healthForgotten: number;
  positionsForgotten: number;
};

export type UpkeepDeps = {
  /** Makes what is missing of so many months' partitions, this month's first. @returns how many it made */
  ensureAuditPartitions: (from: Date, months: number) => Promise<number>;
  /**
   * Some of them, so that one statement takes no long time.
   * @returns how many rows went; 0 = there are no more
   */
  pruneSent: (olderThanMs: number) => Promise<number>;
  /** The same for the health of zones. */
  pruneHealth: (olderThanMs: number) => Promise<number>;
  /** The same for the history of places, which is kept for `positionsKeptMs`. */
  prunePositions: (olderThanMs: number) => Promise<number>;
  positionsKeptMs: number;
  clock: Clock;
};

const MONTHS_AHEAD = 3;
/** Long enough to look up what was told when, short enough to keep the table small. */
const SENT_KEPT_MS = 24 * 3_600_000;
/** Long enough to see how the same hour was a week ago. */
const HEALTH_KEPT_MS = 7 * 24 * 3_600_000;

export function createUpkeep({
  ensureAuditPartitions,
  pruneSent,
  pruneHealth,
  prunePositions,
  positionsKeptMs,
  clock,
}: UpkeepDeps): () => Promise<UpkeepReport> {
  return async () => {
    // first: a partition that cannot be made must not let the outbox grow
    const messagesForgotten = await pruneAll(pruneSent, SENT_KEPT_MS);
    const healthForgotten = await pruneAll(pruneHealth, HEALTH_KEPT_MS);
    const positionsForgotten = await pruneAll(prunePositions, positionsKeptMs);
    return {
      partitionsMade: await ensureAuditPartitions(new Date(clock()), MONTHS_AHEAD),
      messagesForgotten,
      healthForgotten,
      positionsForgotten,
    };
  };
}

async function pruneAll(prune: (olderThanMs: number) => Promise<number>, keptMs: number): Promise<number> {
  let forgotten = 0;
  for (let went = await prune(keptMs); went > 0; went = await prune(keptMs)) forgotten += went;
  return forgotten;
}
