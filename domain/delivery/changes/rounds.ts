/** Calls for the matching of a city. docs/behaviour.md#matching. */

import { type ChangeSet } from './changeSet';

/** A delivery that waits for its city's matching has changed: a round is due. */
export function callRound(changes: ChangeSet): void {
  const { status, heldReason, cityId } = changes.delivery;
  if (changes.features.batchMatching && status === 'SEARCHING' && heldReason === null)
    changes.send({ kind: 'roundDue', cityId });
}
