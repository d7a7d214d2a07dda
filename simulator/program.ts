import { setMaxListeners } from 'node:events';
import { SettingsError } from '../settings';
import { Mistake } from './arguments';

/** Progress and problems go to stderr, so that stdout carries only what was asked for. */
export const log = (line: string): void => void process.stderr.write(`${line}\n`);

/**
 * Runs a program of the simulator and ends the process with the code it gives. The signal comes with the first SIGINT or SIGTERM.
 * Code 1: it failed; 2: wrong arguments, settings or files, said without a stack.
 */
export function runProgram(main: (signal: AbortSignal) => Promise<number>): void {
  // Hundreds of drivers listen to one signal.
  setMaxListeners(0);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  main(stop.signal).then(
    (code) => process.exit(code),
    (error: unknown) => {
      log(isTheirs(error) ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
      process.exit(isTheirs(error) ? 2 : 1);
    },
  );
}

/** What whoever typed the command can put right. parseArgs throws TypeErrors with a code. */
function isTheirs(error: unknown): error is Error {
  if (error instanceof TypeError) return 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  return error instanceof SettingsError || error instanceof Mistake;
}
