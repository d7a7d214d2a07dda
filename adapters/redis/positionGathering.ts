import { z } from 'zod';
import type { Position } from '../../services/ports';

/** One ping of one driver; `receivedAt` by our clock, epoch ms. */
type Ping = { driverId: string; fixes: readonly Position[]; receivedAt: number };
type Outcome = 'unknown' | { cameOn: boolean };
type Waiting = Ping & { tell: (outcome: Outcome) => void; fail: (error: unknown) => void };

/**
 * One script holds up all others at Redis, so it takes no more fixes than this, but for a single ping that
 * brings more.
 */
const MOST_FIXES = 200;

const outcomes = z.array(z.int());

/**
 * Sends the pings that come in one turn of the event loop to Redis together: where thousands come in a
 * second, most of what a ping costs is its way there and back (docs/performance.md). Each ping gets its own
 * outcome; where the call fails, all that went with it fail.
 * @param record RECORD_FIXES with the pings' part of its arguments
 */
export function gatherPositions(
  record: (pings: (string | number)[]) => Promise<unknown>,
): (ping: Ping) => Promise<Outcome> {
  let waiting: Waiting[] = [];
  const sendAll = (): void => {
    const pings = waiting;
    waiting = [];
    for (const group of groupsOf(pings)) void send(record, group);
  };
  return (ping) =>
    new Promise((tell, fail) => {
      if (waiting.length === 0) setImmediate(sendAll);
      waiting.push({ ...ping, tell, fail });
    });
}

async function send(
  record: (pings: (string | number)[]) => Promise<unknown>,
  group: readonly Waiting[],
): Promise<void> {
  try {
    const told = outcomes.length(group.length).parse(await record(group.flatMap(pingArgs)));
    group.forEach(({ tell }, index) => tell(told[index] === -1 ? 'unknown' : { cameOn: told[index] === 1 }));
  } catch (error) {
    for (const { fail } of group) fail(error);
  }
}

/** In their order. */
function groupsOf(pings: readonly Waiting[]): Waiting[][] {
  const groups: Waiting[][] = [];
  let room = 0;
  for (const ping of pings) {
    room -= ping.fixes.length;
    if (room < 0) {
      groups.push([]);
      room = MOST_FIXES - ping.fixes.length;
    }
    groups.at(-1)?.push(ping);
  }
  return groups;
}

function pingArgs({ driverId, fixes, receivedAt }: Ping): (string | number)[] {
  return [driverId, receivedAt, fixes.length, ...fixes.flatMap(fixArgs)];
}

function fixArgs({ at, point, accuracyMeters, speedMps, headingDegrees }: Position): (string | number)[] {
  return [at, point.lat, point.lng, accuracyMeters ?? '', speedMps ?? '', headingDegrees ?? ''];
}
