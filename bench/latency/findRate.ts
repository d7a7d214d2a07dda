/**
 * Binary search for the highest integer rate at which all goals hold, assuming they hold at all lower rates.
 * @param probe runs at a rate and returns whether all goals hold
 * @returns 0 where the goals fail at the lowest rate
 */
export async function highestRate(
  probe: (rate: number) => Promise<boolean>,
  { lowest, highest }: { lowest: number; highest: number },
): Promise<number> {
  let [holds, fails] = [lowest - 1, highest + 1];
  while (fails - holds > 1) {
    const rate = Math.floor((holds + fails) / 2);
    if (await probe(rate)) holds = rate;
    else fails = rate;
  }
  return holds < lowest ? 0 : holds;
}
