import { readdirSync, readFileSync } from 'node:fs';

/** Linux gives memory in pages of this size on the machines that we know. */
const PAGE_BYTES = 4_096;
const PARENT = 1;

/**
 * What a process and its children hold for themselves, in bytes: without what they share, as PostgreSQL's do
 * their buffers.
 * @returns null where that cannot be read: no such process, or no Linux
 */
export function privateBytesOf(pid: number | null): number | null {
  if (pid === null) return null;
  const own = bytesOf(pid);
  return own === null ? null : own + childrenOf(pid).reduce((sum, child) => sum + (bytesOf(child) ?? 0), 0);
}

function bytesOf(pid: number): number | null {
  const [, resident, shared] = (textOf(`/proc/${pid}/statm`) ?? '').split(' ').map(Number);
  return resident === undefined || shared === undefined ? null : (resident - shared) * PAGE_BYTES;
}

function childrenOf(parent: number): number[] {
  return pids().filter((pid) => {
    const text = textOf(`/proc/${pid}/stat`);
    return text !== null && Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[PARENT]) === parent;
  });
}

function pids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // gone meanwhile
  }
}
