// Each command that starts processes (a session) keeps a folder of records while it runs: one for itself and
// one for each process. A killed session leaves its folder behind, and the next command stops the processes
// recorded there.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killGroupOf, processIdentity } from './identity.mjs';
import { logStep, SetupError } from './log.mjs';
import { cacheDir, projectDir } from './paths.mjs';

const sessionsDir = join(cacheDir, 'sessions');
const OWN_RECORD = 'session.json';
const GRACE_MS = 10_000;

/** Opens the records of this process. `exclusiveDir` is a folder that no other living session may use. */
export async function openSession({ name, exclusiveDir }) {
  await cleanDeadSessions();
  refuseSharedFolder(exclusiveDir);
  const dir = join(sessionsDir, `${name}-${process.pid}`);
  mkdirSync(dir, { recursive: true });
  const record = {
    projectDir,
    exclusiveDir,
    pid: process.pid,
    identity: processIdentity(process.pid),
    throwawayDirs: [],
  };
  const save = () => writeRecord(join(dir, OWN_RECORD), record);
  save();
  return {
    /** A folder that is removed with the session, even if the session is killed. */
    addThrowawayDir(path) {
      record.throwawayDirs.push(path);
      save();
    },
    recordProcess(processName, { pid, stopSignal, hardSignal }) {
      const identity = processIdentity(pid);
      if (identity)
        writeRecord(join(dir, `process-${processName}.json`), { pid, identity, stopSignal, hardSignal });
    },
    forgetProcess(processName) {
      rmSync(join(dir, `process-${processName}.json`), { force: true });
    },
    close() {
      removeSession(dir, record);
    },
  };
}

async function cleanDeadSessions() {
  for (const { dir, record } of readSessions()) {
    if (isAlive(record)) continue;
    await Promise.all(readProcessRecords(dir).filter(isAlive).map(stopLeftover));
    removeSession(dir, record);
  }
}

function refuseSharedFolder(exclusiveDir) {
  if (!exclusiveDir) return;
  const holder = readSessions().find(({ record }) => record.exclusiveDir === exclusiveDir)?.record;
  if (!holder) return;
  throw new SetupError(
    `The service is already running from this folder (process ${holder.pid}).`,
    'Stop it with Ctrl-C in its terminal, or: kill ' + holder.pid,
  );
}

async function stopLeftover(record) {
  logStep(`stopping ${record.name} (process ${record.pid}), left over from a killed run`);
  sendSignal(record, record.stopSignal);
  const deadlineMs = Date.now() + GRACE_MS;
  while (isAlive(record) && Date.now() < deadlineMs) await sleep(50);
  if (isAlive(record)) sendSignal(record, record.hardSignal);
  while (isAlive(record)) await sleep(50);
  killGroupOf(record.pid);
}

function sendSignal(record, signal) {
  try {
    process.kill(record.pid, signal);
  } catch (error) {
    if (error.code !== 'EPERM') return;
    throw new SetupError(
      `${record.name} (process ${record.pid}) is left over from another user's run, and you may not stop it.`,
      `As that user: kill ${record.pid}`,
    );
  }
}

function isAlive(record) {
  return processIdentity(record.pid) === record.identity;
}

function removeSession(dir, record) {
  for (const path of record.throwawayDirs) rmSync(path, { recursive: true, force: true });
  rmSync(dir, { recursive: true, force: true });
}

function readSessions() {
  return (
    listFolder(sessionsDir)
      .map((name) => join(sessionsDir, name))
      .map((dir) => ({ dir, record: readRecord(join(dir, OWN_RECORD)) }))
      // The records in a copied project describe processes of the original.
      .filter(({ record }) => record?.projectDir === projectDir)
  );
}

function readProcessRecords(dir) {
  return listFolder(dir)
    .filter((name) => name !== OWN_RECORD)
    .map((name) => ({ name: name.replace(/^process-(.*)\.json$/, '$1'), ...readRecord(join(dir, name)) }))
    .filter((record) => record.pid);
}

function listFolder(dir) {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function readRecord(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function writeRecord(path, record) {
  writeFileSync(path, JSON.stringify(record));
}
