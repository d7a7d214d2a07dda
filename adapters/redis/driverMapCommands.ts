import { type Redis, type Result } from 'ioredis';
import {
  INGEST_UP_SINCE,
  READ_VIEWS,
  NEAR,
  REPORT_INGEST_UP,
  SYNC,
  TAKE_SILENT_OFF,
} from './driverMapScripts';
import { RECORD_FIXES } from './recordFixesScript';

/** The arguments of each script behind the prefix, and its reply: see driverMapScripts.ts. */
type ScriptArguments = [keyPrefix: string, ...args: (string | number)[]];

declare module 'ioredis' {
  interface RedisCommander<Context> {
    mapSync(...args: ScriptArguments): Result<unknown, Context>;
    mapRecord(...args: ScriptArguments): Result<unknown, Context>;
    mapNear(...args: ScriptArguments): Result<unknown, Context>;
    mapReadViews(...args: ScriptArguments): Result<unknown, Context>;
    mapTakeSilentOff(...args: ScriptArguments): Result<unknown, Context>;
    mapReportIngestUp(...args: ScriptArguments): Result<unknown, Context>;
    mapIngestUpSince(...args: ScriptArguments): Result<string | null, Context>;
  }
}

const SCRIPTS = {
  mapSync: SYNC,
  mapRecord: RECORD_FIXES,
  mapNear: NEAR,
  mapReadViews: READ_VIEWS,
  mapTakeSilentOff: TAKE_SILENT_OFF,
  mapReportIngestUp: REPORT_INGEST_UP,
  mapIngestUpSince: INGEST_UP_SINCE,
} as const;

/**
 * Registers the live map's scripts as commands of this client. ioredis sends them by digest, and in full
 * where Redis does not have them.
 */
export function defineDriverMapCommands(redis: Redis): void {
  for (const [name, lua] of Object.entries(SCRIPTS)) redis.defineCommand(name, { lua, numberOfKeys: 0 });
}
