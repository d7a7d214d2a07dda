import { IMPOSSIBLE } from '../workflows/contract';

/**
 * No repeat would make it better: the event holds what no row can, or the rows contradict each other. The
 * workflow refuses the event and goes on without it.
 */
export class ImpossibleEvent extends Error {
  override name = IMPOSSIBLE;
}

/** For what is only computed: an error there comes again each time. @throws ImpossibleEvent */
export function possible<T>(compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    throw new ImpossibleEvent(String(error), { cause: error });
  }
}
