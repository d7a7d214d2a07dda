// The system reuses process ids. A process id and the start time together identify one process for good, so
// we never stop another user's process.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const hasProcFolder = existsSync('/proc/self/stat');

/** A text unique to this process, or undefined if no such process runs. */
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

/** The ids of this process's children that still run. */
export function childrenOf(pid) {
  return (hasProcFolder ? parentsFromProc() : parentsFromPs())
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child);
}

/**
 * Sends kill -9 to the rest of the process group of `leaderPid`. Only for a leader that has just ended: the
 * system may reuse its id after the whole group has ended.
 */
export function killGroupOf(leaderPid) {
  try {
    process.kill(-leaderPid, 'SIGKILL');
  } catch (error) {
    // No process is left, or (macOS) only one that has ended and was not reaped yet.
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
}

function parentsFromProc() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), Number(statColumns(name)?.[1])]);
}

function parentsFromPs() {
  const { stdout = '' } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return stdout
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number));
}

/** The columns from the state on, or undefined if there is no such process. */
function statColumns(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name is in brackets and may contain spaces. The columns are counted after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function identityFromProc(pid) {
  const columns = statColumns(pid);
  if (!columns || columns[0] === 'Z') return undefined;
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const startedAtTicks = columns[19];
  return `${bootId}/${pid}/${startedAtTicks}`;
}

function identityFromPs(pid) {
  const startedAt = psColumn(pid, 'lstart');
  const isZombie = psColumn(pid, 'stat').startsWith('Z');
  return startedAt && !isZombie ? `${pid}/${startedAt}` : undefined;
}

function psColumn(pid, column) {
  return spawnSync('ps', ['-p', String(pid), '-o', `${column}=`], { encoding: 'utf8' }).stdout?.trim() ?? '';
}
