import type { DriverMap, Position, MapEntry, MapPart, MapView, NearDriver } from '../../services/ports';
import { distanceMeters, isPoint } from '../../domain/geo/places';
import { createDeviceMemory, type DeviceMemory } from './deviceMemory';

const INGEST_UP_MS = 15_000;

export type MemoryDriverMap = DriverMap & {
  /** All fixes taken, in the order they came. */
  readonly history: readonly { driverId: string; fix: Position; live: boolean }[];
  /** Loses everything, as a flushed Redis does. */
  flush(): void;
};

/**
 * The live map without Redis; test/support/driverMapConformance.ts holds it to what the Redis adapter does.
 * Membership is what was true when last placed, as there.
 */
export function createMemoryDriverMap({ freshPositionMs }: { freshPositionMs: number }): MemoryDriverMap {
  const known = new Map<string, MapEntry>();
  const devices = new Map<string, DeviceMemory>();
  const contacts = new Map<string, number>();
  const parts = new Map<string, Set<string>>();
  const history: { driverId: string; fix: Position; live: boolean }[] = [];
  let ingest = { until: 0, since: 0 };

  const inContact = (driverId: string, fix: MapEntry['lastFix']): MapEntry['lastFix'] =>
    fix && { ...fix, receivedAt: contacts.get(driverId) ?? fix.receivedAt };
  const part = (of: MapPart): Set<string> => {
    const key = of.kind === 'all' ? 'all' : `${of.kind}:${of.cityId}`;
    const members = parts.get(key) ?? new Set<string>();
    parts.set(key, members);
    return members;
  };
  const isFresh = ({ lastFix }: MapEntry, now: number): boolean =>
    lastFix !== null && now - lastFix.receivedAt <= freshPositionMs;
  const contact = (driverId: string, at: number | null): void => {
    if (at !== null) contacts.set(driverId, Math.max(at, contacts.get(driverId) ?? at));
  };
  const leave = (driverId: string, cityId: string): void => {
    for (const each of [{ kind: 'all' }, { kind: 'city', cityId }, { kind: 'busy', cityId }] as const)
      part(each).delete(driverId);
  };
  const place = (entry: MapEntry, now: number): boolean => {
    const { driverId, cityId } = entry;
    const wasOn = part({ kind: 'all' }).has(driverId);
    known.set(driverId, entry);
    leave(driverId, cityId);
    if (!isFresh(entry, now)) return false;
    if (entry.availability === 'BUSY' && entry.hasRoom) part({ kind: 'busy', cityId }).add(driverId);
    if (entry.availability !== 'AVAILABLE') return false;
    part({ kind: 'all' }).add(driverId);
    part({ kind: 'city', cityId }).add(driverId);
    return !wasOn;
  };

  return {
    history,
    flush: () => {
      known.clear();
      devices.clear();
      contacts.clear();
      parts.clear();
      ingest = { until: 0, since: 0 };
    },
    near: async ({ cityId, point, radiusMeters, vehicles, limit, now }) => {
      const around = [...part({ kind: 'city', cityId })].flatMap((driverId): NearDriver[] => {
        const entry = known.get(driverId);
        if (!entry?.lastFix || !isFresh(entry, now)) return [];
        if (vehicles && entry.vehicle && !vehicles.includes(entry.vehicle)) return [];
        return [
          {
            driverId,
            point: entry.lastFix.point,
            distanceMeters: distanceMeters(point, entry.lastFix.point),
            fixAt: entry.lastFix.receivedAt,
          },
        ];
      });
      return around
        .filter((each) => each.distanceMeters <= radiusMeters)
        .sort((a, b) => a.distanceMeters - b.distanceMeters)
        .slice(0, limit);
    },
    sync: async (entry, now) => {
      const before = known.get(entry.driverId);
      if (before && before.version > entry.version) return { cameOn: false };
      if (before && before.cityId !== entry.cityId) {
        part({ kind: 'city', cityId: before.cityId }).delete(entry.driverId);
        part({ kind: 'busy', cityId: before.cityId }).delete(entry.driverId);
      }
      contact(entry.driverId, entry.lastFix?.receivedAt ?? null);
      return {
        cameOn: place(
          { ...entry, lastFix: inContact(entry.driverId, newerFix(before?.lastFix ?? null, entry.lastFix)) },
          now,
        ),
      };
    },
    recordPositions: async (driverId, fixes, receivedAt) => {
      if (!fixes.every(({ point, at }) => isPoint(point) && Number.isSafeInteger(at)))
        throw new RangeError('a fix lies outside the bounds of a place or of time');
      const entry = known.get(driverId);
      if (!entry) return 'unknown';
      contact(driverId, receivedAt);
      const device = devices.get(driverId) ?? createDeviceMemory();
      devices.set(driverId, device);
      let { lastFix } = entry;
      for (const { fix, live } of device.judge(fixes, receivedAt, lastFix)) {
        if (live) lastFix = { point: fix.point, at: fix.at, receivedAt };
        history.push({ driverId, fix, live });
      }
      return { cameOn: place({ ...entry, lastFix: inContact(driverId, lastFix) }, receivedAt) };
    },
    clockLagMs: async (driverId) => devices.get(driverId)?.lagMs() ?? 0,
    readViews: async (driverIds) =>
      driverIds.map((driverId): MapView => {
        const entry = known.get(driverId) ?? null;
        const cityId = entry?.cityId ?? '';
        return {
          driverId,
          entry,
          seenAt: contacts.get(driverId) ?? null,
          on: {
            all: part({ kind: 'all' }).has(driverId),
            city: part({ kind: 'city', cityId }).has(driverId),
            busy: part({ kind: 'busy', cityId }).has(driverId),
          },
        };
      }),
    members: async (of) => ({ driverIds: [...part(of)], next: null }),
    drop: async (of, driverIds) => {
      for (const driverId of driverIds) part(of).delete(driverId);
    },
    forget: async (driverId) => {
      const entry = known.get(driverId);
      if (entry) leave(driverId, entry.cityId);
      known.delete(driverId);
    },
    takeSilentOff: async (now) => {
      const silent = [...known.values()].filter((entry) => !isFresh(entry, now) && isOnMap(entry, part));
      for (const entry of silent) place(entry, now);
      return silent.length;
    },
    reportIngestUp: async (now) => {
      ingest = { until: now + INGEST_UP_MS, since: now < ingest.until ? ingest.since : now };
    },
    ingestUpSince: async (now) => (now < ingest.until ? ingest.since : now),
  };
}

/** The place by the device's clock, the ingest by ours: each the newer of both. */
function newerFix(a: MapEntry['lastFix'], b: MapEntry['lastFix']): MapEntry['lastFix'] {
  if (a === null || b === null) return a ?? b;
  return { ...(b.at > a.at ? b : a), receivedAt: Math.max(a.receivedAt, b.receivedAt) };
}

function isOnMap({ driverId, cityId }: MapEntry, part: (of: MapPart) => Set<string>): boolean {
  return part({ kind: 'all' }).has(driverId) || part({ kind: 'busy', cityId }).has(driverId);
}
