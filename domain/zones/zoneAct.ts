/** Acts of ops on a whole zone or city. docs/behaviour.md#acts-on-a-zone. */

import type { Answer, DeliveryFacts } from '../delivery/deliveryState';
import type { EventOf } from '../delivery/events';
import type { ReasonCode } from '../delivery/status';
import { isWaiting, waitedMs } from '../delivery/waiting';
import { type OrdersStop, stopFor, type StopReason } from './ordersStop';
import { type Widening, wideningFor } from './widening';

export const ZONE_ACT_KINDS = ['STOP_ORDERS', 'WIDEN', 'RAISE_PAY', 'CANCEL_WAITING'] as const;
export type ZoneActKind = (typeof ZONE_ACT_KINDS)[number];

/** Why an act cancels: nobody was found in time, or ops say so. */
export const CANCEL_REASONS = ['NO_DRIVER', 'OPS_CANCELLED'] as const satisfies readonly ReasonCode[];
export type CancelReason = (typeof CANCEL_REASONS)[number];

/** What an act is about. `zoneId` null: the whole city. */
export type ActPlace = { cityId: string; zoneId: string | null };

/** What an act asks for; null where its kind asks for no such thing. `until` is epoch ms. */
export type ActTerms = {
  reason: StopReason | null;
  cancelReason: CancelReason | null;
  bonusCents: number | null;
  waitingOverMinutes: number | null;
  radiusMeters: number | null;
  until: number | null;
};

/** An act as it was done, and when it was ended before its time. Instants are epoch ms. */
export type ZoneAct = ActPlace &
  ActTerms & {
    actId: string;
    kind: ZoneActKind;
    byId: string;
    why: string;
    correlationId: string;
    createdAt: number;
    endedAt: number | null;
  };

/** What is forgotten must end by itself. */
export const MAX_ACT_MINUTES = 1_440;

/** How long an act shall be in force: an instant (epoch ms), or so many minutes from now. */
export type ActLength = { minutes: number | null; untilAt: number | null };

/**
 * @param minuteMs how long a minute takes: less where time is scaled
 * @returns null = it would end in the past, or too late
 */
export function actEndsAt({ minutes, untilAt }: ActLength, now: number, minuteMs: number): number | null {
  const until = untilAt ?? (minutes === null ? null : Math.round(now + minutes * minuteMs));
  return until !== null && until > now && until <= now + MAX_ACT_MINUTES * minuteMs ? until : null;
}

/** The stop of orders that holds at a place now. @param acts also of other cities */
export function stopIn(
  acts: readonly ZoneAct[],
  { cityId, zoneId }: ActPlace,
  now: number,
): (ZoneAct & OrdersStop) | null {
  const ofCity = acts.filter((act) => act.cityId === cityId);
  return stopFor(
    ofCity.flatMap((act) => ordersStopOf(act) ?? []),
    zoneId,
    now,
  );
}

/** The wider search that holds at a place now. @param acts also of other cities */
export function wideningIn(
  acts: readonly ZoneAct[],
  { cityId, zoneId }: ActPlace,
  now: number,
): (ZoneAct & Widening) | null {
  const ofCity = acts.filter((act) => act.cityId === cityId);
  return wideningFor(
    ofCity.flatMap((act) => wideningOf(act) ?? []),
    zoneId,
    now,
  );
}

/** An act that stops orders, as the rules of orders know it. @returns null for any other */
export function ordersStopOf(act: ZoneAct): (ZoneAct & OrdersStop) | null {
  const { kind, reason, until } = act;
  return kind === 'STOP_ORDERS' && reason !== null && until !== null ? { ...act, reason, until } : null;
}

/** An act that widens searches, as the rules of searches know it. @returns null for any other */
function wideningOf(act: ZoneAct): (ZoneAct & Widening) | null {
  const { kind, radiusMeters, until } = act;
  return kind === 'WIDEN' && radiusMeters !== null && until !== null ? { ...act, radiusMeters, until } : null;
}

/** Whether an act with an end is over: its time has come, or ops ended it before. */
export function isOver({ until, endedAt }: Pick<ZoneAct, 'until' | 'endedAt'>, now: number): boolean {
  return endedAt !== null || (until !== null && until <= now);
}

/** What an act may look at of a delivery. */
export type HitFacts = Pick<DeliveryFacts, 'deliveryId' | 'status' | 'searchAt' | 'clock'>;

/** Whether an act reaches this delivery: it waits, and for longer than the act says. */
export function isHit(
  { waitingOverMinutes }: Pick<ActTerms, 'waitingOverMinutes'>,
  delivery: HitFacts,
  { now, minuteMs }: { now: number; minuteMs: number },
): boolean {
  if (!isWaiting(delivery, now)) return false;
  return waitingOverMinutes === null || waitedMs(delivery, now) > waitingOverMinutes * minuteMs;
}

/** The commands by which acts change deliveries. */
export type ActCommand = EventOf<'raisePay'> | EventOf<'cancelDelivery'> | EventOf<'searchFarther'>;

/** What an act is to each of its deliveries, with the person who acted. @returns null where it changes none */
export function commandOf({
  kind,
  bonusCents,
  cancelReason,
  radiusMeters,
  byId,
  why,
}: ZoneAct): ActCommand | null {
  const by = { kind: 'ops', id: byId } as const;
  switch (kind) {
    case 'RAISE_PAY':
      return bonusCents === null ? null : { kind: 'raisePay', bonusCents, by, why, onlyWaiting: true };
    case 'CANCEL_WAITING':
      return cancelReason === null
        ? null
        : { kind: 'cancelDelivery', reason: cancelReason, by, onlyWaiting: true };
    case 'WIDEN':
      return radiusMeters === null ? null : { kind: 'searchFarther', radiusMeters, by, why };
    case 'STOP_ORDERS':
      return null;
  }
}

/** What becomes of a part that comes after its act was over. */
export const ACT_OVER = 'ACT_OVER';

/** What a delivery made of an act: it was done, or the code of the refusal. */
export function partOutcome(answer: Answer): string {
  return 'refused' in answer ? answer.refused : 'DONE';
}

/** The same of a delivery that is closed, where the answer was lost: one that the act would cancel was cancelled. */
export function closedOutcome(
  { kind, cancelReason }: Pick<ZoneAct, 'kind' | 'cancelReason'>,
  { status, reasonCode }: Pick<DeliveryFacts, 'status' | 'reasonCode'>,
): string {
  const isCancelled = kind === 'CANCEL_WAITING' && status === 'CANCELLED' && reasonCode === cancelReason;
  return isCancelled ? 'DONE' : 'ILLEGAL_TRANSITION';
}
