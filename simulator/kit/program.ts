import { setMaxListeners } from 'node:events';
import { SettingsError } from '../../settings';
import { UsageError } from './arguments';

/** Writes progress and problems to stderr. stdout carries only results. */
export const log = (line: string): void => void process.stderr.write(`${line}\n`);

/** The abort reason of a program's signal. `signal.throwIfAborted()` rethrows it. */
export class InterruptedError extends Error {
  override name = 'InterruptedError';
}

const INTERRUPTED_CODE = 130;

/**
 * Runs a program of the simulator and exits with its code. The first SIGINT or SIGTERM aborts the signal.
 * Code 1: it failed; 2: wrong arguments, settings or files, reported without a stack; 130: interrupted.
 */
export function runProgram(main: (signal: AbortSignal) => Promise<number>): void {
  // Hundreds of drivers listen to the one signal.
  setMaxListeners(0);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt(stop));
  main(stop.signal).then(
    (code) => process.exit(code),
    (error: unknown) => {
      if (stop.signal.aborted) {
        log(`interrupted${isInterrupted(error) ? '' : `: ${String(error)}`}`);
        process.exit(INTERRUPTED_CODE);
      }
      log(
        isUsageError(error)
          ? error.message
          : error instanceof Error
            ? (error.stack ?? error.message)
            : String(error),
      );
      process.exit(isUsageError(error) ? 2 : 1);
    },
  );
}

/**
 * Pending work fails after the interrupt, and nothing awaits some of it. These errors must not end the
 * program before it has stopped the processes it started.
 */
function interrupt(stop: AbortController): void {
  const logOnly = (error: unknown): void => log(`interrupted: ${String(error)}`);
  process.on('uncaughtException', logOnly);
  process.on('unhandledRejection', logOnly);
  stop.abort(new InterruptedError('interrupted'));
}

/** The signal's own error, or a request error that it caused. */
function isInterrupted(error: unknown): boolean {
  return (
    error instanceof InterruptedError || (error instanceof Error && error.cause instanceof InterruptedError)
  );
}

/** Whether the user can correct the error. parseArgs throws TypeErrors with a code. */
function isUsageError(error: unknown): error is Error {
  if (error instanceof TypeError) return 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  return error instanceof SettingsError || error instanceof UsageError;
}
