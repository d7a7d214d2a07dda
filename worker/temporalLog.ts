import { DefaultLogger, type LogEntry, type LogLevel, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';

/**
 * Temporal's own log lines in ours, so that a process has one log of one form. Before any worker or
 * connection is made.
 */
export function installTemporalLog(log: Logger): void {
  Runtime.install({
    logger: new DefaultLogger(log.isLevelEnabled('debug') ? 'DEBUG' : 'INFO', temporalLines(log)),
  });
}

/** Writes what Temporal logs into ours. */
export function temporalLines(log: Logger): (entry: Pick<LogEntry, 'level' | 'message' | 'meta'>) => void {
  const lines = log.child({ source: 'temporal' });
  return ({ level, message, meta }) => writers[level](lines, named(meta ?? {}), message);
}

/** Ours shows an error, its cause and its stack only under the name `err`. */
function named({ error, ...rest }: Readonly<Record<string, unknown>>): object {
  return error === undefined ? rest : { ...rest, err: error };
}

/** A worker's state and the like are details for us: what Temporal calls info is debug. */
const writers: Record<LogLevel, (log: Logger, meta: object, message: string) => void> = {
  TRACE: (log, meta, message) => log.trace(meta, message),
  DEBUG: (log, meta, message) => log.debug(meta, message),
  INFO: (log, meta, message) => log.debug(meta, message),
  WARN: (log, meta, message) => log.warn(meta, message),
  ERROR: (log, meta, message) => log.error(meta, message),
};
