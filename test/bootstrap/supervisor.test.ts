import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually';
import { isAlive } from '../support/runningProcesses';

const projectDir = join(__dirname, '../..');
const started = new Set<ChildProcess>();
const pids = new Set<number>();

afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  started.clear();
  pids.clear();
});

it('stops its processes on a signal, with the matching exit code', async () => {
  const { starter, sleeperPid } = await startSleeper('waits');
  starter.kill('SIGINT');
  expect(await exitCodeOf(starter)).toBe(130);
  expect(isAlive(sleeperPid)).toBe(false);
});

it('stops its processes when it fails halfway', async () => {
  const { starter, sleeperPid } = await startSleeper('crash');
  expect(await exitCodeOf(starter)).toBe(1);
  expect(isAlive(sleeperPid)).toBe(false);
});

it('kills, at the second signal, processes that ignore the first', async () => {
  const { starter, sleeperPid } = await startSleeper('deaf');
  const isStopping = once(createInterface({ input: starter.stderr! }), 'line');
  starter.kill('SIGINT');
  await isStopping;
  starter.kill('SIGINT');
  expect(await exitCodeOf(starter)).toBe(130);
  expect(isAlive(sleeperPid)).toBe(false);
});

it.each(['waits', 'deaf'])('ends the children of a process that %s on SIGTERM', async (ending) => {
  const { starter, sleeperPid, itsOwnPid } = await startSleeper(ending);
  const isStopping = once(createInterface({ input: starter.stderr! }), 'line');
  starter.kill('SIGINT');
  await isStopping;
  starter.kill('SIGINT');
  expect(await exitCodeOf(starter)).toBe(130);
  expect([sleeperPid, itsOwnPid].filter(isAlive)).toEqual([]);
});

it('ends the children of a process that was killed', async () => {
  const { starter, sleeperPid, itsOwnPid } = await startSleeper('waits');
  process.kill(sleeperPid, 'SIGKILL');
  await eventually('its own is gone', async () => !isAlive(itsOwnPid));
  starter.kill('SIGINT');
  expect(await exitCodeOf(starter)).toBe(130);
});

it('stops, at the next start, the processes of a killed run', async () => {
  const { starter, sleeperPid } = await startSleeper('waits');
  starter.kill('SIGKILL');
  await exitCodeOf(starter);
  expect(isAlive(sleeperPid)).toBe(true);
  expect(await exitCodeOf(startStarter('at once'))).toBe(7);
  expect(isAlive(sleeperPid)).toBe(false);
});

it('kills a leftover process and its children at the next start when they ignore SIGTERM', async () => {
  const { starter, sleeperPid, itsOwnPid } = await startSleeper('deaf');
  starter.kill('SIGKILL');
  await exitCodeOf(starter);
  expect(await exitCodeOf(startStarter('at once'))).toBe(7);
  expect([sleeperPid, itsOwnPid].filter(isAlive)).toEqual([]);
}, 20_000);

it('ignores a process that reuses the id of a leftover one', async () => {
  const stranger = remember(spawn('sleep', ['600']));
  await once(stranger, 'spawn');
  const dir = join(projectDir, '.cache/sessions', `test-stranger-${stranger.pid}`);
  mkdirSync(dir, { recursive: true });
  const dead = { pid: stranger.pid, identity: 'of an earlier process', throwawayDirs: [] };
  writeFileSync(join(dir, 'session.json'), JSON.stringify({ ...dead, projectDir }));
  writeFileSync(
    join(dir, 'process-postgres.json'),
    JSON.stringify({ ...dead, stopSignal: 'SIGTERM', hardSignal: 'SIGKILL' }),
  );
  try {
    expect(await exitCodeOf(startStarter('at once'))).toBe(7);
    expect(isAlive(stranger.pid!)).toBe(true);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

type Started = { starter: ChildProcess; sleeperPid: number; itsOwnPid: number };

async function startSleeper(ending: string): Promise<Started> {
  const starter = startStarter(ending);
  const [line] = (await once(createInterface({ input: starter.stdout! }), 'line')) as [string];
  const [sleeperPid = 0, itsOwnPid = 0] = line.split(' ').map(Number);
  pids.add(sleeperPid).add(itsOwnPid);
  return { starter, sleeperPid, itsOwnPid };
}

function startStarter(ending: string): ChildProcess {
  return remember(
    spawn(process.execPath, [join(__dirname, 'starter.mjs'), ending], { stdio: ['ignore', 'pipe', 'pipe'] }),
  );
}

function remember(child: ChildProcess): ChildProcess {
  started.add(child);
  return child;
}

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}
