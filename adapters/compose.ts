import { type Client } from '@temporalio/client';
import { type Redis } from 'ioredis';
import { type PositionLimits } from '../domain/driver/positionLimits';
import { type Notifiers } from '../services/notices';
import {
  type Clock,
  type Dispatcher,
  type DriverMap,
  type Emitter,
  type Log,
  type NoticeSettings,
} from '../services/ports';
import { createNotifiers } from './notify/notifiers';
import { type Database, poolReader, type Postgres } from './postgres/database';
import { requireLimits, requireWritable } from './postgres/fitness';
import { requireSameTime } from './postgres/databaseClock';
import { createRedisDriverMap } from './redis/driverMap';
import { requireWritableRedis } from './redis/primary';
import { createSocketEmitter } from './redis/socketEmitter';
import { createDispatcher } from './temporal/dispatcher';

export type Adapters = {
  map: DriverMap;
  dispatcher: Dispatcher;
  emitter: Emitter;
  notifiers: Notifiers;
};

/** The ports of the services over the clients of one process (ADR 28). */
export function composeAdapters({
  db,
  redis,
  client,
  settings,
  clock,
  log,
}: {
  db: Database;
  redis: Redis;
  client: Client;
  settings: { ranking: { freshPositionMs: number }; positions: PositionLimits; notices: NoticeSettings };
  clock: Clock;
  log: Log;
}): Adapters {
  return {
    map: createRedisDriverMap(redis, {
      freshPositionMs: settings.ranking.freshPositionMs,
      positions: settings.positions,
    }),
    dispatcher: createDispatcher(client, db),
    emitter: createSocketEmitter(redis),
    notifiers: createNotifiers({ db, clock, log, settings: settings.notices }),
  };
}

/** The dependency checks that API and worker share. Each checks Temporal in its own way. */
export function commonChecks({
  postgres,
  redis,
  clock,
}: {
  postgres: Postgres;
  redis: Redis;
  clock: Clock;
}): Record<'postgres' | 'redis' | 'clock', () => Promise<unknown>> {
  const read = poolReader(postgres);
  return {
    postgres: async () => {
      await requireWritable(read);
      await requireLimits(read, postgres.statementTimeoutMs);
    },
    redis: () => requireWritableRedis(redis),
    clock: () => requireSameTime(postgres.db, clock),
  };
}
