/**
 * The invariants by number: 1 assignments and offers, 2 acknowledged results, 3 workflows, 4 no delivery is
 * stuck, 5 the live map, 6 the ends of offers, 7 the audit trail.
 */
export type Invariant = 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** One violation of an invariant. `what` describes it, and stays the same while the violation lasts. */
export type Violation = {
  invariant: Invariant;
  what: string;
  deliveryId: string | null;
  driverId: string | null;
};

/**
 * A violation only if it lasts longer than the bound allows. `key` identifies it across checks. `since`: when
 * it began (epoch ms) where that is known; null: when it was first seen.
 */
export type PendingViolation = Violation & { key: string; since: number | null };

/** One line for a log, with the number of the invariant. */
export function sentenceOf({ invariant, what, deliveryId, driverId }: Violation): string {
  const about = [
    deliveryId === null ? [] : [`delivery ${deliveryId}`],
    driverId === null ? [] : [`driver ${driverId}`],
  ]
    .flat()
    .join(', ');
  return `invariant ${invariant}: ${about === '' ? '' : `${about}: `}${what}`;
}
