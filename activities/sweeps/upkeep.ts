import { type Clock } from '../../services/ports';

export type UpkeepReport = {
  partitionsMade: number;
  messagesForgotten: number;
  healthForgotten: number;
  positionsForgotten: number;
};

export type UpkeepDeps = {
  /**
   * Creates the missing partitions of this many months, starting with this month.
   * @returns how many it created
   */
  ensureAuditPartitions: (from: Date, months: number) => Promise<number>;
  /**
   * Deletes in limited batches, so that no statement runs long.
   * @returns the number of deleted rows; 0 if there are no more
   */
  pruneSent: (olderThanMs: number) => Promise<number>;
  /** The same for zone health. */
  pruneHealth: (olderThanMs: number) => Promise<number>;
  /** The same for the position history, which is kept for `positionsKeptMs`. */
  prunePositions: (olderThanMs: number) => Promise<number>;
  positionsKeptMs: number;
  clock: Clock;
};

const MONTHS_AHEAD = 3;
/** Long enough to trace what was sent when, short enough to keep the table small. */
const SENT_KEPT_MS = 24 * 3_600_000;
/** Long enough to compare with the same hour of last week. */
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
    // first, so that a partition that cannot be created does not let the outbox grow
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
