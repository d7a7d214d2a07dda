import { type Clock } from './ports';

export type UpkeepReport = { partitionsMade: number; messagesForgotten: number };

export type UpkeepDeps = {
  /** Makes what is missing of so many months' partitions, this month's first. @returns how many it made */
  ensureAuditPartitions: (from: Date, months: number) => Promise<number>;
  /** Some of them, so that one statement takes no long time. @returns how many rows went; 0 = there are no more */
  pruneSent: (olderThanMs: number) => Promise<number>;
  clock: Clock;
};

const MONTHS_AHEAD = 3;
/** Long enough to look up what was told when, short enough to keep the table small. */
const SENT_KEPT_MS = 24 * 3_600_000;

export function createUpkeep({ ensureAuditPartitions, pruneSent, clock }: UpkeepDeps): () => Promise<UpkeepReport> {
  return async () => {
    const messagesForgotten = await pruneAll(pruneSent); // first: a partition that cannot be made must not let the outbox grow
    return { partitionsMade: await ensureAuditPartitions(new Date(clock()), MONTHS_AHEAD), messagesForgotten };
  };
}

async function pruneAll(pruneSent: UpkeepDeps['pruneSent']): Promise<number> {
  let forgotten = 0;
  for (let went = await pruneSent(SENT_KEPT_MS); went > 0; went = await pruneSent(SENT_KEPT_MS)) forgotten += went;
  return forgotten;
}
