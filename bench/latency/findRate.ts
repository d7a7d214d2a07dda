/**
 * The highest whole rate at which it holds, where it holds at all rates below: by halves. @param probe runs
 * at a rate, and says whether all goals hold
 * @returns 0 where it does not even hold at the lowest
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
