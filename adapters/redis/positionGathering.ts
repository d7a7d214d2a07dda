import { z } from 'zod';
import type { Position } from '../../services/ports';

/** One ping of one driver; `receivedAt` by our clock, epoch ms. */
type Ping = { driverId: string; fixes: readonly Position[]; receivedAt: number };
type Outcome = 'unknown' | { cameOn: boolean };
type Waiting = Ping & { resolve: (outcome: Outcome) => void; reject: (error: unknown) => void };

/**
 * The most positions in one call of the script, which blocks all others in Redis. A single ping may bring
 * more.
 */
const MOST_FIXES = 200;

const outcomeCodes = z.array(z.int());

/**
 * Sends the pings of one turn of the event loop to Redis together: at thousands of pings a second the round
 * trip is most of their cost (docs/performance.md). Each ping gets its own outcome. If the call fails, all
 * its pings fail.
 * @param record calls RECORD_FIXES with the part of its arguments that belongs to the pings
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
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(sendAll);
      waiting.push({ ...ping, resolve, reject });
    });
}

async function send(
  record: (pings: (string | number)[]) => Promise<unknown>,
  group: readonly Waiting[],
): Promise<void> {
  try {
    const results = outcomeCodes.length(group.length).parse(await record(group.flatMap(pingArgs)));
    group.forEach(({ resolve }, index) =>
      resolve(results[index] === -1 ? 'unknown' : { cameOn: results[index] === 1 }),
    );
  } catch (error) {
    for (const { reject } of group) reject(error);
  }
}

/** In the order of the pings. */
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
