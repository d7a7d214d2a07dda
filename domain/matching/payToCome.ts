/**
 * What a job adds to the pay of a driver whose shift is guaranteed. docs/behaviour.md#matching.
 *
 * A job costs nothing where the driver would end below the guarantee without it. Whether they would depends on the jobs
 * that are still to come, which are taken as a Poisson process over the rest of the shift.
 */

/** The pay that the guarantee still owes at each number of further jobs, and how likely that number is. */
export type OwedPay = readonly { owedCents: number; likelihood: number }[];

const HOUR_MS = 3_600_000;
const MAX_JOBS = 40;

/**
 * @param leftMs the rest of the shift after this job
 * @param jobCents what a further job pays, on average
 */
export function owedPay(
  { earnedCents, guaranteedCents }: { earnedCents: number; guaranteedCents: number | null },
  { leftMs, jobsAnHour, jobCents }: { leftMs: number; jobsAnHour: number; jobCents: number },
): OwedPay {
  if (guaranteedCents === null || guaranteedCents <= earnedCents || jobCents <= 0) return [];
  // An open shift lasts until its jobs have earned the guarantee.
  if (!Number.isFinite(leftMs)) return [];
  const expected = (Math.max(0, leftMs) / HOUR_MS) * jobsAnHour;
  const owed: { owedCents: number; likelihood: number }[] = [];
  let likelihood = Math.exp(-expected);
  for (let jobs = 0; jobs < MAX_JOBS; jobs += 1) {
    const owedCents = guaranteedCents - earnedCents - jobs * jobCents;
    if (owedCents <= 0) break;
    owed.push({ owedCents, likelihood });
    likelihood *= expected / (jobs + 1);
  }
  return owed;
}

/** What a job adds to the driver's pay, as expected: nothing, its whole pay, or what lies between. */
export function payToCome(owed: OwedPay, payCents: number): number {
  let free = 0;
  for (const { owedCents, likelihood } of owed) free += likelihood * Math.min(payCents, owedCents);
  return payCents - free;
}

/** What earnings and pay are compared with in a round: their means, in minor units; 0 = there is nothing to count. */
export type RoundMeans = { meanEarnedCents: number; meanPayCents: number };

export function meansOf({
  drivers,
  deliveries,
}: {
  drivers: readonly { earnedCents: number }[];
  deliveries: readonly { payCents: number }[];
}): RoundMeans {
  return {
    meanEarnedCents: meanOf(drivers.map(({ earnedCents }) => earnedCents)),
    meanPayCents: meanOf(deliveries.map(({ payCents }) => payCents)),
  };
}

function meanOf(amounts: readonly number[]): number {
  return amounts.reduce((sum, each) => sum + each, 0) / Math.max(1, amounts.length);
}
