/**
 * The invariants by their numbers: 1 who holds what, 2 what was acknowledged, 3 workflows, 4 nothing waits
 * for nothing, 5 the map, 6 the ends of offers, 7 the audit trail.
 */
export type Invariant = 1 | 2 | 3 | 4 | 5 | 6 | 7;

/**
 * One thing that is not as it must be. `what` says it in words; it stays the same for as long as the same
 * thing is wrong.
 */
export type Broken = {
  invariant: Invariant;
  what: string;
  deliveryId: string | null;
  driverId: string | null;
};

/**
 * What is wrong only where it stays so. `key`: what must be the same for it to be the same thing. `since`:
 * when it began (epoch ms), where that is known; null: when it was first seen.
 */
export type Suspicion = Broken & { key: string; since: number | null };

/** In one sentence, with its number, for a log. */
export function sentenceOf({ invariant, what, deliveryId, driverId }: Broken): string {
  const about = [
    deliveryId === null ? [] : [`delivery ${deliveryId}`],
    driverId === null ? [] : [`driver ${driverId}`],
  ]
    .flat()
    .join(', ');
  return `invariant ${invariant}: ${about === '' ? '' : `${about}: `}${what}`;
}
