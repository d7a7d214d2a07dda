import { type DestinationStream, type Logger, pino } from 'pino';

/** `log` obeys LOG_LEVEL. `always` is for the few lines that must be there at any level. */
export type ProcessLog = { log: Logger; always: Logger };

/** @param to instead of stdout, for tests */
export function createProcessLog(
  { level, name }: { level: string; name: string },
  to: DestinationStream = pino.destination(1),
): ProcessLog {
  const log = pino({ level, name }, to);
  return { log, always: log.child({}, { level: 'info' }) };
}
