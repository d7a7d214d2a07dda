/** The files of recorded histories, and their permitted content. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { History } from '@temporalio/common/lib/proto-utils';
import type { HistoryFile } from '../../worker/replayCheck/histories';
import { type RecordedHistory, toRecorded } from '../../worker/replayCheck/historyJson';

export const FOLDER = join(__dirname, 'histories');
const HASH_LENGTH = 64;

/** A history without identities, host names and paths. */
export function recordable(history: History): RecordedHistory {
  return withoutMachine(toRecorded(history)) as RecordedHistory;
}

/** The checksums of all histories, in the format of `sha256sum`. */
const SUMS = join(FOLDER, 'SHA256SUMS');

/** By file, relative to the folder. */
export function recordedSums(): Map<string, string> {
  const lines = readFileSync(SUMS, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return new Map(lines.map((line) => [line.slice(HASH_LENGTH + 2), line.slice(0, HASH_LENGTH)]));
}

export function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Of the release in package.json. What is there already stays: histories are only added.
 * @returns whether it was written
 */
export function writeHistory(
  { workflow, scenario }: Pick<HistoryFile, 'workflow' | 'scenario'>,
  { events }: RecordedHistory,
): boolean {
  const file = `${workflow}/${thisRelease()}-${scenario}.json`;
  if (existsSync(join(FOLDER, file))) return false;
  mkdirSync(join(FOLDER, workflow), { recursive: true });
  const lines = events.map((event) => JSON.stringify(event)).join(',\n');
  const text = `{"events":[\n${lines}\n]}\n`;
  writeFileSync(join(FOLDER, file), text);
  const sums = [...recordedSums().set(file, sumOf(text))].sort(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(SUMS, sums.map(([name, sum]) => `${sum}  ${name}\n`).join(''));
  return true;
}

/** The release that histories are recorded of. */
export function thisRelease(): string {
  return (JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { version: string })
    .version;
}

/**
 * Workers name themselves by process and host, in `identity` and in the name of their own task queue;
 * failures say where in which file.
 */
function withoutMachine(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMachine);
  if (value === null || typeof value !== 'object') return value;
  const isOwnQueue = 'kind' in value && value.kind === 'TASK_QUEUE_KIND_STICKY';
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => {
      if (key === 'identity' || key === 'stackTrace') return [];
      return [[key, key === 'name' && isOwnQueue ? 'sticky' : withoutMachine(each)]];
    }),
  );
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
