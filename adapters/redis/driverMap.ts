import { type Redis } from 'ioredis';
import { z } from 'zod';
import { AVAILABILITIES } from '../../domain/driver/availability';
import { CLOCK_LIMITS, POSITION_LIMITS, type PositionLimits } from '../../domain/driver/positionLimits';
import { VEHICLE_KINDS } from '../../domain/driver/vehicles';
import { isPoint } from '../../domain/geo/places';
import type { DriverMap, Position, MapEntry, MapPart, MapView, NearDriver } from '../../services/ports';
import { defineDriverMapCommands } from './driverMapCommands';
import { gatherPositions } from './positionGathering';

export type DriverMapOptions = {
  /** A driver without a position for longer than this is off the map. */
  freshPositionMs: number;
  /** What moves a driver. */
  positions?: PositionLimits;
  /** Prefix of every key, for tests that share a Redis. */
  keyPrefix?: string;
  /** About how many positions the stream keeps for the archive. */
  maxStreamedPositions?: number;
};

/** How long one `reportIngestUp` is valid. It is repeated every few seconds. */
const INGEST_UP_MS = 15_000;
const PAGE = 500;
const DEFAULT_STREAMED_FIXES = 200_000;

/**
 * The live map in Redis: the geo set `drivers:geo` and its shards, the sorted set `drivers:seen`, a hash
 * `driver:<id>` for each driver that expires two days after its last update, and the stream `positions`.
 * Every change is one script.
 */
export function createRedisDriverMap(
  redis: Redis,
  {
    freshPositionMs,
    positions = POSITION_LIMITS,
    keyPrefix = '',
    maxStreamedPositions = DEFAULT_STREAMED_FIXES,
  }: DriverMapOptions,
): DriverMap {
  defineDriverMapCommands(redis);
  const limits = limitArgs(positions);
  const record = gatherPositions((pings) =>
    redis.mapRecord(keyPrefix, freshPositionMs, maxStreamedPositions, ...limits, ...pings),
  );
  return {
    near: async ({ cityId, point, radiusMeters, vehicles, limit, now }) =>
      nearRows.parse(
        await redis.mapNear(
          keyPrefix,
          now,
          freshPositionMs,
          cityId,
          point.lng,
          point.lat,
          radiusMeters,
          limit,
          ...(vehicles ?? []),
        ),
      ),
    sync: async (entry, now) => ({
      cameOn: (await redis.mapSync(keyPrefix, now, freshPositionMs, ...entryArgs(entry))) === 1,
    }),
    recordPositions: async (driverId, fixes, receivedAt) => {
      requirePoints(fixes);
      return record({ driverId, fixes, receivedAt });
    },
    clockLagMs: async (driverId) => Number((await redis.hget(`${keyPrefix}driver:${driverId}`, 'skew')) ?? 0),
    readViews: async (driverIds) =>
      driverIds.length === 0 ? [] : viewsOf(driverIds, await redis.mapReadViews(keyPrefix, ...driverIds)),
    members: async (part, cursor) => {
      const [next, found] = await redis.zscan(keyPrefix + keyOf(part), cursor, 'COUNT', PAGE);
      return { driverIds: found.filter((_, index) => index % 2 === 0), next: next === '0' ? null : next };
    },
    drop: async (part, driverIds) => {
      if (driverIds.length > 0) await redis.zrem(keyPrefix + keyOf(part), ...driverIds);
    },
    forget: async (driverId) => {
      const key = `${keyPrefix}driver:${driverId}`;
      const cityId = await redis.hget(key, 'city');
      const parts: MapPart[] =
        cityId === null
          ? [{ kind: 'all' }]
          : [{ kind: 'all' }, { kind: 'city', cityId }, { kind: 'busy', cityId }];
      const removing = redis.multi().del(key).zrem(`${keyPrefix}drivers:seen`, driverId);
      for (const part of parts) removing.zrem(keyPrefix + keyOf(part), driverId);
      await removing.exec();
    },
    takeSilentOff: async (now) => {
      let taken = 0;
      for (let page = PAGE; page === PAGE; taken += page)
        page = z.number().parse(await redis.mapTakeSilentOff(keyPrefix, now, freshPositionMs, PAGE));
      return taken;
    },
    reportIngestUp: async (now) => void (await redis.mapReportIngestUp(keyPrefix, now, INGEST_UP_MS)),
    ingestUpSince: async (now) => Number((await redis.mapIngestUpSince(keyPrefix)) ?? now),
  };
}

/** The key of a part, without the prefix. */
export function keyOf(part: MapPart): string {
  switch (part.kind) {
    case 'all':
      return 'drivers:geo';
    case 'city':
      return `drivers:geo:${part.cityId}`;
    case 'busy':
      return `drivers:geo:busy:${part.cityId}`;
  }
}

/** A script would stop half-way at a position that Redis cannot store. @throws RangeError */
function requirePoints(fixes: readonly Position[]): void {
  if (!fixes.every(({ point, at }) => isPoint(point) && Number.isSafeInteger(at)))
    throw new RangeError('a fix lies outside the bounds of a place or of time');
}

function limitArgs({ vagueMeters, fastestMetersPerMs, leapBelievedMs }: PositionLimits): number[] {
  const { rightMs, steadyMs, believedMs } = CLOCK_LIMITS;
  return [rightMs, steadyMs, believedMs, vagueMeters, fastestMetersPerMs, leapBelievedMs];
}

function entryArgs({
  driverId,
  cityId,
  availability,
  hasRoom,
  vehicle,
  version,
  lastFix,
}: MapEntry): (string | number)[] {
  const place =
    lastFix === null ? [''] : [lastFix.point.lat, lastFix.point.lng, lastFix.at, lastFix.receivedAt];
  return [driverId, cityId, availability, hasRoom ? '1' : '0', version, vehicle ?? '', ...place];
}

const nearRow = z
  .tuple([z.string(), z.coerce.number(), z.coerce.number(), z.coerce.number(), z.coerce.number()])
  .transform(([driverId, distanceMeters, lng, lat, fixAt]): NearDriver => ({
    driverId,
    point: { lat, lng },
    distanceMeters,
    fixAt,
  }));
const nearRows = z.array(nearRow);

const known = z.object({
  city: z.string().min(1),
  availability: z.enum(AVAILABILITIES),
  version: z.coerce.number(),
  vehicle: z.enum(VEHICLE_KINDS).nullable().catch(null),
});
const viewRows = z.array(z.array(z.string()).length(12));

function viewsOf(driverIds: readonly string[], reply: unknown): MapView[] {
  return viewRows.parse(reply).map((row, index) => viewOf(driverIds[index] ?? '', row));
}

function viewOf(
  driverId: string,
  [city = '', availability, room, version, lat = '', lng, at, seen, vehicle, ...on]: string[],
): MapView {
  const isOn = { all: on[0] === '1', city: on[1] === '1', busy: on[2] === '1' };
  const seenAt = seen === undefined || seen === '' ? null : Number(seen);
  if (city === '') return { driverId, entry: null, seenAt, on: isOn };
  const says = known.parse({ city, availability, version, vehicle });
  const lastFix =
    lat === ''
      ? null
      : { point: { lat: Number(lat), lng: Number(lng) }, at: Number(at), receivedAt: Number(seen) };
  return {
    driverId,
    entry: {
      driverId,
      cityId: says.city,
      availability: says.availability,
      hasRoom: room === '1',
      ...(says.vehicle === null ? {} : { vehicle: says.vehicle }),
      version: says.version,
      lastFix,
    },
    seenAt,
    on: isOn,
  };
}
