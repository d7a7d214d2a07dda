import { type Clock } from './ports';

export type UpkeepReport = { partitionsMade: number; messagesForgotten: number };

export type UpkeepDeps = {
  /** Makes what is missing of so many months' partitions, this month's first. @returns how many it made */
  ensureAuditPartitions: (from: Date, months: number) => Promise<number>;
  /** @returns how many rows went */
  pruneSent: (olderThanMs: number) => Promise<number>;
  clock: Clock;
};

const MONTHS_AHEAD = 3;
/** Long enough to look up what was told when, short enough to keep the table small. */
const SENT_KEPT_MS = 24 * 3_600_000;

export function createUpkeep({ ensureAuditPartitions, pruneSent, clock }: UpkeepDeps): () => Promise<UpkeepReport> {
  return async () => ({
    partitionsMade: await ensureAuditPartitions(new Date(clock()), MONTHS_AHEAD),
    messagesForgotten: await pruneSent(SENT_KEPT_MS),
  });
}
