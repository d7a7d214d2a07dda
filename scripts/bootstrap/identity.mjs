// A process id alone proves nothing: the system gives it to others later. Together with the moment the
// process started it names one process for good, so nobody else's process is ever stopped.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

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

/** The ids of the processes that this one started and that still run. */
export function childrenOf(pid) {
  return (hasProcFolder ? parentsFromProc() : parentsFromPs())
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child);
}

/**
 * kill -9 to whoever is still in the process group that `leaderPid` led. Only for a leader that has just
 * ended: while any of its group lives the system gives that id to nobody else, later it may.
 */
export function killGroupOf(leaderPid) {
  try {
    process.kill(-leaderPid, 'SIGKILL');
  } catch (error) {
    // Nobody is left, or (macOS) only one that has ended and was not asked about yet.
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

/** From the state on; undefined where there is no such process. */
function statColumns(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name stands in brackets and may hold spaces; the columns are counted from behind it.
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
