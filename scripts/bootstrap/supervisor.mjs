// The supervisor stops every process it starts: at the end, after a failure, and after one or two Ctrl-C.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, killGroupOf, processIdentity } from './identity.mjs';
import { logError, logStep, SetupError } from './log.mjs';
import { openSession } from './sessions.mjs';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
const DEFAULT_GRACE_MS = 15_000;
const LOG_TAIL_LINES = 15;
const PARENT_CHECK_MS = 250;
const ORPHAN_MS = 5_000;

/**
 * Runs `main(supervisor)` and ends this process with the code it returns. Everything started through the
 * supervisor is stopped first, the last started first.
 */
export async function supervise({ name, exclusiveDir }, main) {
  const supervisor = new Supervisor();
  const interrupted = supervisor.listenToSignals();
  let exitCode = 1;
  try {
    supervisor.session = await openSession({ name, exclusiveDir });
    exitCode = (await Promise.race([main(supervisor), interrupted])) ?? 0;
  } catch (error) {
    logError(error);
  }
  await supervisor.stopAll();
  supervisor.session?.close();
  supervisor.lastWords?.();
  process.exit(exitCode);
}

class Supervisor {
  session;
  /** Called after every process has stopped, for output that must come last. */
  lastWords;
  #processes = new Set();
  #abort = new AbortController();

  /** Aborted as soon as stopping begins. Pass it to other work that should end then. */
  get signal() {
    return this.#abort.signal;
  }

  /**
   * Starts a process in its own process group, so that Ctrl-C in the terminal reaches only this process,
   * which stops the others in order. Output goes to `logFile`, or line by line to `onLine`, or where `stdio`
   * says. `onMessage(message, reply)` gets the messages of the channel that `stdio` opens as 'ipc'.
   */
  start({
    name,
    command,
    args = [],
    env = process.env,
    cwd,
    account,
    logFile,
    onLine,
    onMessage,
    stdio,
    stopSignal = 'SIGTERM',
    hardSignal = 'SIGKILL',
    graceMs = DEFAULT_GRACE_MS,
  }) {
    this.signal.throwIfAborted();
    const log = logFile ? openLog(logFile) : undefined;
    const child = spawn(command, args, {
      cwd,
      env,
      uid: account?.uid,
      gid: account?.gid,
      detached: true,
      stdio: stdio ?? ['ignore', log ?? 'pipe', log ?? 'pipe'],
    });
    if (log) closeSync(log);
    if (onLine) forwardLines(child, onLine);
    if (onMessage)
      child.on('message', (message) => onMessage(message, (answer) => child.connected && child.send(answer)));
    const running = new RunningProcess({ name, child, logFile, stopSignal, hardSignal, graceMs });
    if (child.pid) this.session.recordProcess(name, { pid: child.pid, stopSignal, hardSignal });
    this.#processes.add(running);
    void running.exited.then(() => {
      this.#processes.delete(running);
      this.session.forgetProcess(name);
    });
    return running;
  }

  /** Runs a command to its end. @throws SetupError with the end of its output if it fails */
  async run({ name, remedy, ...options }) {
    const lines = [];
    const running = this.start({ name, ...options, onLine: (line) => lines.push(line) });
    const { code, signal, error } = await running.exited;
    if (code === 0) return lines;
    this.signal.throwIfAborted();
    const tail = lines.slice(-LOG_TAIL_LINES).join('\n    ');
    throw new SetupError(
      `${name} failed (${error?.message ?? signal ?? `exit code ${code}`}).\n    ${tail}`,
      remedy,
    );
  }

  listenToSignals() {
    return new Promise((resolve, reject) => {
      const stop = (signal) => {
        if (this.signal.aborted) return this.#hurry();
        logStep('stopping; press Ctrl-C again to stop immediately');
        this.#abort.abort();
        resolve(EXIT_CODES[signal]);
      };
      for (const signal of Object.keys(EXIT_CODES)) process.on(signal, stop);
      onLostNpm(() => stop('SIGTERM'));
      process.on('uncaughtException', reject);
      process.on('unhandledRejection', (error) => {
        // Operations that `main` still awaits when stopping begins are expected to fail.
        if (!this.signal.aborted) reject(error);
      });
    });
  }

  async stopAll() {
    this.#abort.abort();
    for (const running of [...this.#processes].reverse()) await running.stop();
  }

  #hurry() {
    for (const running of this.#processes) running.stopHard();
  }
}

class RunningProcess {
  /** Resolves to { code, signal, error }, never rejects. */
  exited;
  hasExited = false;
  #child;
  #options;

  constructor({ name, child, ...options }) {
    this.name = name;
    this.pid = child.pid;
    this.#child = child;
    this.#options = options;
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
      child.once('error', (error) => resolve({ code: null, signal: null, error }));
    });
    // A killed program cannot stop its children. 'close' would be too late: the children hold its output
    // open.
    child.once('exit', () => killGroupOf(child.pid));
    void this.exited.then(() => {
      this.hasExited = true;
    });
  }

  async stop() {
    if (this.hasExited) return;
    const { stopSignal, graceMs } = this.#options;
    this.#child.kill(stopSignal);
    const hasStopped = await Promise.race([this.exited, sleep(graceMs, false, { ref: false })]);
    if (hasStopped) return;
    logStep(`${this.name} did not stop within ${graceMs / 1000} s`);
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  stopHard() {
    if (!this.hasExited) this.#child.kill(this.#options.hardSignal);
  }

  /** Sends kill -9 to the process and its children. Resolves when none of them is left. */
  async kill() {
    if (this.hasExited) return;
    this.#child.kill('SIGSTOP'); // whom it starts now would be nobody's
    const children = childrenOf(this.pid)
      .map((pid) => ({ pid, identity: processIdentity(pid) }))
      .filter(({ identity }) => identity);
    this.#child.kill('SIGKILL');
    await this.exited;
    for (const { pid, identity } of children) await endOrphan(pid, identity);
  }

  /** For waiting loops. @throws with the last output if the process has ended */
  throwIfExited(remedy) {
    if (!this.hasExited) return;
    throw new SetupError(`${this.name} exited while starting.${this.#logTail()}`, remedy);
  }

  #logTail() {
    const { logFile } = this.#options;
    if (!logFile) return '';
    const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-LOG_TAIL_LINES).join('\n    ');
    return `\n    ${tail}\n    (${logFile})`;
  }
}

/**
 * PostgreSQL's children exit by themselves after their parent. A child that hangs would block the data folder
 * for the next start.
 */
async function endOrphan(pid, identity) {
  const deadlineMs = Date.now() + ORPHAN_MS;
  for (let isSignalled = false; processIdentity(pid) === identity; await sleep(20)) {
    if (isSignalled || Date.now() < deadlineMs) continue;
    process.kill(pid, 'SIGKILL');
    isSignalled = true;
  }
}

/**
 * npm passes a signal to the shell between npm and this process. The shell dies of it and does not pass it
 * on, so this process gets a new parent.
 */
function onLostNpm(act) {
  if (!process.env.npm_lifecycle_event) return;
  const shell = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    act();
  }, PARENT_CHECK_MS);
  timer.unref();
}

function openLog(path) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return openSync(path, 'a');
}

function forwardLines(child, onLine) {
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', onLine);
}
