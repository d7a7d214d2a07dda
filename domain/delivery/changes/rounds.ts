/** Calls for the matching of a city. docs/behaviour.md#matching. */

import { isSearching } from '../waiting';
import { type ChangeSet } from './changeSet';

/** A delivery that waits for its city's matching has changed: a round is due. */
export function callRound(changes: ChangeSet): void {
  const { delivery, features } = changes;
  if (features.batchMatching && isSearching(delivery))
    changes.send({ kind: 'roundDue', cityId: delivery.cityId });
}
