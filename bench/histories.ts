import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import { medianOf } from '../simulator/client/latencies';
import { PROJECT_DIR } from './machine';

/**
 * The number of events of each kind in a history, by attribute name: workflowTaskScheduled, markerRecorded …
 */
export type EventCounts = Readonly<Record<string, number>>;

const RECORDED = join(PROJECT_DIR, 'test/replay/histories/delivery/2.1.0-delivered.json');
const HISTORY = z.object({ events: z.array(z.record(z.string(), z.unknown())) });
const SUFFIX = 'EventAttributes';

/** The event counts of the recorded history of a delivery whose first driver accepts. */
export function recordedCounts(): EventCounts {
  return countsOf(HISTORY.parse(JSON.parse(readFileSync(RECORDED, 'utf8'))).events);
}

/** Reads histories of closed runs. */
export async function readCounts(workflowIds: readonly string[]): Promise<EventCounts[]> {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const connection = await Connection.connect(connectionOptions);
  try {
    const client = new Client({ connection, namespace });
    const counts: EventCounts[] = [];
    for (const id of workflowIds)
      counts.push(countsOf((await client.workflow.getHandle(id).fetchHistory()).events ?? []));
    return counts;
  } finally {
    await connection.close();
  }
}

function countsOf(events: readonly object[]): EventCounts {
  const counts: Record<string, number> = {};
  for (const event of events) {
    const kind =
      Object.keys(event)
        .find((key) => key.endsWith(SUFFIX))
        ?.slice(0, -SUFFIX.length) ?? 'unknown';
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** The median of each kind: under load a task is occasionally repeated, which costs three more events. */
export function medianCounts(counts: readonly EventCounts[]): EventCounts {
  const kinds = new Set(counts.flatMap((each) => Object.keys(each)));
  return Object.fromEntries(
    [...kinds].map((kind) => [kind, medianOf(counts.map((each) => each[kind] ?? 0)) ?? 0]),
  );
}

export function totalOf(counts: EventCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The kinds whose counts differ by more than `most`, in words. */
export function differences(a: EventCounts, b: EventCounts, most: number): string[] {
  const kinds = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return kinds
    .filter((kind) => Math.abs((a[kind] ?? 0) - (b[kind] ?? 0)) > most)
    .map((kind) => `${kind}: ${a[kind] ?? 0} and ${b[kind] ?? 0}`);
}
