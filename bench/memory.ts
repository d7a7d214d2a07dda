import { readFileSync } from 'node:fs';
import { withChildren } from '../simulator/kit/processTable';

/** Linux gives memory in pages of this size on the machines that we know. */
const PAGE_BYTES = 4_096;

/**
 * What a process and its children hold for themselves, in bytes: without what they share, as PostgreSQL's do
 * their buffers.
 * @returns null where that cannot be read: no such process, or no Linux
 */
export function privateBytesOf(pid: number | null): number | null {
  if (pid === null) return null;
  const family = withChildren(pid).map((each) => bytesOf(each.pid) ?? 0);
  return family.length === 0 ? null : family.reduce((sum, bytes) => sum + bytes, 0);
}

function bytesOf(pid: number): number | null {
  const [, resident, shared] = (textOf(`/proc/${pid}/statm`) ?? '').split(' ').map(Number);
  return resident === undefined || shared === undefined ? null : (resident - shared) * PAGE_BYTES;
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // gone meanwhile
  }
}
