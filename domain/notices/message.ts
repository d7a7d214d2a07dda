import type { Availability } from '../driver/availability';
import type { Actor } from '../delivery/status';
import type { Notice } from './notice';
import type { GroupOpening } from './noticeGroup';
import type { EventBody, EventName } from './realtimeEvents';

/**
 * An outbox message. Written in the transaction of its change and sent at least once (ADR 3).
 */
export type Message =
  | { kind: 'startDelivery'; deliveryId: string }
  /** A driver can no longer do the delivery's work: its offer or its assignment ends. */
  | {
      kind: 'driverLeft';
      deliveryId: string;
      driverId: string;
      offerId?: string;
      assignmentId?: string;
      why: string;
    }
  /** Ops released the driver from this delivery: from the named offer or assignment. */
  | {
      kind: 'rescue';
      deliveryId: string;
      driverId: string;
      offerId: string | null;
      assignmentId: string | null;
      by: Actor;
      why: string;
    }
  /** Another delivery's change withdrew an offer, so this delivery must read its row again. */
  | { kind: 'offerWithdrawn'; deliveryId: string; offerId: string }
  /** A driver has spare capacity: one waiting delivery nearby is woken, except those in `passed`. */
  | { kind: 'driverFree'; driverId: string; passed: string[] }
  /** Who waits for a driver in this city, or who is free, has changed: its matching runs a round. */
  | { kind: 'roundDue'; cityId: string }
  /** The merchant of the delivery was suspended: it becomes a case, unless it is one. */
  | { kind: 'merchantSuspended'; deliveryId: string; by: Actor }
  /** The part of an act on a zone that concerns one delivery. */
  | { kind: 'zoneAct'; actId: string; deliveryId: string }
  /** A driver can no longer work: all their other offers and jobs end. */
  | { kind: 'letGo'; driverId: string }
  /** The driver's entry on the live map must be updated. */
  | { kind: 'syncDriver'; driverId: string }
  | { kind: 'endAvailabilityLater'; driverId: string; state: Availability; until: number }
  | { kind: 'emit'; emits: Emit[] }
  /**
   * One notice to one channel, so that retries for the pager cause no duplicates in the chat. With a `group`, it is
   * sent only where it opens the group, or raises its level (ADR 51).
   */
  | { kind: 'notify'; notice: Notice; group?: GroupOpening };

/** One event to all sockets in the rooms (docs/behaviour.md#realtime). */
export type Emit = {
  [E in EventName]: { rooms: string[]; event: E; body: EventBody<E> };
}[EventName];

export const driverRoom = (driverId: string): string => `driver:${driverId}`;
export const opsRoom = (cityId: string): string => `ops:${cityId}`;
/** The room of ops of all cities, so that they hear of a city that was made after they connected. */
export const ALL_OPS_ROOM = 'ops:*';
/** The room of clients that follow one delivery by its tracking token. */
export const trackingRoom = (deliveryId: string): string => `tracking:${deliveryId}`;
/** The room of every merchant, for what concerns a place: a merchant may order in any city. */
export const ALL_MERCHANTS_ROOM = 'merchants';
export const merchantRoom = (merchantId: string): string => `merchant:${merchantId}`;

/** The rooms of an event, with that of ops of all cities where it is for ops of a city. */
export function withAllOps(rooms: readonly string[]): string[] {
  return rooms.some((room) => room.startsWith(opsRoom(''))) ? [...rooms, ALL_OPS_ROOM] : [...rooms];
}
