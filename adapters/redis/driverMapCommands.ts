import { type Redis, type Result } from 'ioredis';
import {
  INGEST_UP_SINCE,
  LOOK,
  NEAR,
  RECORD_FIXES,
  REPORT_INGEST_UP,
  SYNC,
  TAKE_SILENT_OFF,
} from './driverMapScripts';

/** What each takes behind the prefix of all keys, and gives, is said in driverMapScripts.ts. */
type ScriptArguments = [keyPrefix: string, ...args: (string | number)[]];

declare module 'ioredis' {
  interface RedisCommander<Context> {
    mapSync(...args: ScriptArguments): Result<unknown, Context>;
    mapRecord(...args: ScriptArguments): Result<unknown, Context>;
    mapNear(...args: ScriptArguments): Result<unknown, Context>;
    mapLook(...args: ScriptArguments): Result<unknown, Context>;
    mapTakeSilentOff(...args: ScriptArguments): Result<unknown, Context>;
    mapReportIngestUp(...args: ScriptArguments): Result<unknown, Context>;
    mapIngestUpSince(...args: ScriptArguments): Result<string | null, Context>;
  }
}

const SCRIPTS = {
  mapSync: SYNC,
  mapRecord: RECORD_FIXES,
  mapNear: NEAR,
  mapLook: LOOK,
  mapTakeSilentOff: TAKE_SILENT_OFF,
  mapReportIngestUp: REPORT_INGEST_UP,
  mapIngestUpSince: INGEST_UP_SINCE,
} as const;

/** Makes the scripts of the live map commands of this client: sent by digest, in full where Redis lost them. */
export function defineDriverMapCommands(redis: Redis): void {
  for (const [name, lua] of Object.entries(SCRIPTS)) redis.defineCommand(name, { lua, numberOfKeys: 0 });
}
