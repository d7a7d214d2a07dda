import { DefaultLogger, type LogLevel, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';

/** Temporal's own log lines in ours, so that a process has one log of one form. Before any worker or connection is made. */
export function installTemporalLog(log: Logger): void {
  const lines = log.child({ source: 'temporal' });
  const write = ({ level, message, meta }: { level: LogLevel; message: string; meta?: object }): void => writers[level](lines, meta ?? {}, message);
  Runtime.install({ logger: new DefaultLogger(log.isLevelEnabled('debug') ? 'DEBUG' : 'INFO', write) });
}

/** A worker's state and the like are details for us: what Temporal calls info is debug. */
const writers: Record<LogLevel, (log: Logger, meta: object, message: string) => void> = {
  TRACE: (log, meta, message) => log.trace(meta, message),
  DEBUG: (log, meta, message) => log.debug(meta, message),
  INFO: (log, meta, message) => log.debug(meta, message),
  WARN: (log, meta, message) => log.warn(meta, message),
  ERROR: (log, meta, message) => log.error(meta, message),
};
