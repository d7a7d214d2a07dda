import { readFileSync } from 'node:fs';
import { withChildren } from '../simulator/kit/processTable';

/** The page size of Linux on the supported machines. */
const PAGE_BYTES = 4_096;

/**
 * The private memory of a process and its children, in bytes, without shared memory such as PostgreSQL's
 * buffers.
 * @returns null where it cannot be read: no such process, or not Linux
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
    return null; // exited meanwhile
  }
}
