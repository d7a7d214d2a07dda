/** Where recorded histories are kept, and what may stand in them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { History } from '@temporalio/common/lib/proto-utils';
import type { HistoryFile } from '../../worker/replayCheck/histories';
import { type RecordedHistory, toRecorded } from '../../worker/replayCheck/historyJson';

export const FOLDER = join(__dirname, 'histories');

/** A history as it may be kept: without who ran it and where. */
export function recordable(history: History): RecordedHistory {
  return withoutMachine(toRecorded(history)) as RecordedHistory;
}

/** Of the release in package.json; a recording before takes the older one's place. */
export function writeHistory({ workflow, scenario }: Pick<HistoryFile, 'workflow' | 'scenario'>, { events }: RecordedHistory): void {
  const { version } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { version: string };
  mkdirSync(join(FOLDER, workflow), { recursive: true });
  const lines = events.map((event) => JSON.stringify(event)).join(',\n');
  writeFileSync(join(FOLDER, workflow, `${version}-${scenario}.json`), `{"events":[\n${lines}\n]}\n`);
}

/** Workers name themselves by process and host, in `identity` and in the name of their own task queue; failures say where in which file. */
function withoutMachine(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMachine);
  if (value === null || typeof value !== 'object') return value;
  const isOwnQueue = 'kind' in value && value.kind === 'TASK_QUEUE_KIND_STICKY';
  return Object.fromEntries(Object.entries(value).flatMap(([key, each]) => {
    if (key === 'identity' || key === 'stackTrace') return [];
    return [[key, key === 'name' && isOwnQueue ? 'sticky' : withoutMachine(each)]];
  }));
}

/** All payloads in a history, decoded. */
export function payloadsOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(payloadsOf);
  if (value === null || typeof value !== 'object') return [];
  if ('metadata' in value && 'data' in value && typeof value.data === 'string') return [decoded(value.data)];
  return Object.values(value).flatMap(payloadsOf);
}

function decoded(base64: string): unknown {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
