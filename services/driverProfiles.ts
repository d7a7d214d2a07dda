import { decideProfile, type DriverProfile, profileDetail } from '../domain/driver/driverProfile';
import { type Actor } from '../domain/delivery/status';
import { type Message } from '../domain/notices/message';
import { countryOf } from '../domain/orders/country';
import { e164Of } from '../domain/orders/phone';
import { type Database, type Tx } from '../adapters/postgres/database';
import { lockProfile, writeProfile } from '../adapters/postgres/driverProfileRows';
import { enqueue } from '../adapters/postgres/outbox';
import { type Clock, type NotifyRelay } from './ports';

export type DriverProfilesDeps = { db: Database; clock: Clock; notifyRelay: NotifyRelay };

/** A refusal is a value. A repeat changes nothing. */
export type ProfileAnswer =
  | { outcome: 'notFound' }
  | { outcome: 'refused'; code: 'DRIVER_HAS_WORK' | 'V2_REQUIRED' | 'UNKNOWN_CITY'; detail: string }
  | { outcome: 'done'; changed: boolean };

export type ProfileRequest = {
  driverId: string;
  change: Partial<DriverProfile>;
  requiresV2: boolean;
  by: Actor;
  correlationId: string;
};

/** Changes of registered drivers (docs/behaviour.md#drivers): row, audit entry and messages in one transaction. */
export type DriverProfiles = { change(request: ProfileRequest): Promise<ProfileAnswer> };

export function createDriverProfiles({ db, clock, notifyRelay }: DriverProfilesDeps): DriverProfiles {
  return {
    change: async (request) => {
      const answer = await db.$transaction((tx) => change(tx, request, clock()));
      if (answer.outcome === 'done' && answer.changed) notifyRelay();
      return answer;
    },
  };
}

async function change(
  tx: Tx,
  { driverId, change: asked, requiresV2, by, correlationId }: ProfileRequest,
  at: number,
): Promise<ProfileAnswer> {
  const locked = await lockProfile(tx, driverId);
  if (!locked) return { outcome: 'notFound' };
  const decision = decideProfile(locked.profile, asked, requiresV2);
  if (decision.kind === 'unchanged') return { outcome: 'done', changed: false };
  if (decision.kind === 'refused')
    return { outcome: 'refused', code: decision.code, detail: decision.detail };
  const { next, fields } = decision;
  const city = await tx.city.findUnique({
    where: { id: next.cityId },
    select: { country: true, timezone: true },
  });
  if (!city) return { outcome: 'refused', code: 'UNKNOWN_CITY', detail: `there is no city ${next.cityId}` };
  const entry = {
    kind: 'driver_changed',
    chain: 'driver',
    driverId,
    actor: by,
    from: null,
    to: null,
    why: null,
    deviceAt: null,
    detail: profileDetail(locked.profile, next, fields),
  } as const;
  const callable = { ...next, phoneE164: e164Of(next.phone, countryOf(city)) };
  await writeProfile(tx, driverId, locked, callable, entry, { at, correlationId });
  // The map may have the driver in another city, or without room; a driver with more room may be wanted at once.
  const messages: Message[] = [
    { kind: 'syncDriver', driverId },
    { kind: 'driverFree', driverId, passed: [] },
  ];
  await enqueue(tx, driverId, correlationId, messages);
  return { outcome: 'done', changed: true };
}
