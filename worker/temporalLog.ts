import { DefaultLogger, type LogEntry, type LogLevel, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';

/**
 * Sends Temporal's log lines to our log, so that a process has one log in one format. Call it before any
 * worker or connection is created.
 */
export function installTemporalLog(log: Logger): void {
  Runtime.install({
    logger: new DefaultLogger(log.isLevelEnabled('debug') ? 'DEBUG' : 'INFO', temporalLines(log)),
  });
}

/** Writes Temporal's log entries into our log. */
export function temporalLines(log: Logger): (entry: Pick<LogEntry, 'level' | 'message' | 'meta'>) => void {
  const lines = log.child({ source: 'temporal' });
  return ({ level, message, meta }) => writers[level](lines, named(meta ?? {}), message);
}

/** Our log serialises an error, its cause and its stack only under the name `err`. */
function named({ error, ...rest }: Readonly<Record<string, unknown>>): object {
  return error === undefined ? rest : { ...rest, err: error };
}

/** The state of a worker and the like are details for us: Temporal's info is our debug. */
const writers: Record<LogLevel, (log: Logger, meta: object, message: string) => void> = {
  TRACE: (log, meta, message) => log.trace(meta, message),
  DEBUG: (log, meta, message) => log.debug(meta, message),
  INFO: (log, meta, message) => log.debug(meta, message),
  WARN: (log, meta, message) => log.warn(meta, message),
  ERROR: (log, meta, message) => log.error(meta, message),
};
