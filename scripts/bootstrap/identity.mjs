// A process id alone proves nothing: the system gives it to others later. Together with the moment the process started it
// names one process for good, so nobody else's process is ever stopped.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const hasProcFolder = existsSync('/proc/self/stat');

/** A text that only this process can have, or undefined when no such process runs. */
export function processIdentity(pid) {
  return hasProcFolder ? identityFromProc(pid) : identityFromPs(pid);
}

export function commandLineOf(pid) {
  if (!hasProcFolder) return psColumn(pid, 'command');
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

function identityFromProc(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name stands in brackets and may hold spaces; the columns are counted from behind it.
    const columns = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startedAtTicks] = [columns[0], columns[19]];
    if (state === 'Z') return undefined;
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${bootId}/${pid}/${startedAtTicks}`;
  } catch {
    return undefined;
  }
}

function identityFromPs(pid) {
  const startedAt = psColumn(pid, 'lstart');
  const isZombie = psColumn(pid, 'stat').startsWith('Z');
  return startedAt && !isZombie ? `${pid}/${startedAt}` : undefined;
}

function psColumn(pid, column) {
  return spawnSync('ps', ['-p', String(pid), '-o', `${column}=`], { encoding: 'utf8' }).stdout?.trim() ?? '';
}
