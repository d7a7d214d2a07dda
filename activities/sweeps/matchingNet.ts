import { readWaitingLong } from '../../adapters/postgres/matchingRows';
import { needsNet } from '../../domain/matching/waiting';
import { inPieces } from '../../services/inPieces';
import { isMatched } from '../../services/matching/isMatched';
import { type Clock, type Features, type Log, type Read } from '../../services/ports';

export type MatchingNetDeps = {
  read: Read;
  features: Features;
  /** Makes a delivery's workflow reread its row. */
  reevaluate: (deliveryId: string) => Promise<void>;
  clock: Clock;
  /** How long a delivery waits for a round of its city, in ms. */
  netMs: number;
  log: Pick<Log, 'warn'>;
  heartbeat: () => void;
};

/** `waiting`: deliveries that left their search to the matching. `woken`: those of them that search now. */
export type MatchingNetReport = { waiting: number; woken: number; failed: number };

/** The most deliveries that one sweep reads and wakes: a city must not search all at once. */
const MOST_READ = 5_000;
const MOST_WOKEN = 400;
/** How many are woken at once. */
const AT_ONCE = 20;

/**
 * A delivery that waits for its city's matching sets no short timer of its own, so that waiting costs nothing. This
 * sweep looks whether the rounds still come. Where none did for `netMs`, or the feature is off for a delivery, the
 * delivery is woken and searches by itself. ADR 52.
 * @throws while PostgreSQL is down
 */
export function createMatchingNet(deps: MatchingNetDeps): () => Promise<MatchingNetReport> {
  return async () => {
    const { features, clock, netMs, heartbeat } = deps;
    const now = clock();
    const rows = await readWaitingLong(deps.read, { plannedAfter: now + netMs, limit: MOST_READ });
    const unserved = rows.filter((row) =>
      needsNet({ ...row, isMatched: isMatched(features, row) }, now, netMs),
    );
    const woken = unserved.slice(0, MOST_WOKEN);
    let failed = 0;
    for (const some of inPieces(woken, AT_ONCE)) {
      const wakes = some.map(({ deliveryId }) => wake(deps, deliveryId));
      failed += (await Promise.all(wakes)).filter((isWoken) => !isWoken).length;
      heartbeat();
    }
    return { waiting: rows.length, woken: woken.length - failed, failed };
  };
}

async function wake({ reevaluate, log }: MatchingNetDeps, deliveryId: string): Promise<boolean> {
  try {
    await reevaluate(deliveryId);
    return true;
  } catch (error) {
    log.warn(
      { err: error, deliveryId },
      'a delivery without rounds could not be woken; the next sweep tries again',
    );
    return false;
  }
}
