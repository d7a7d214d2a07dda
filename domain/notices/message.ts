import type { Availability } from '../driver/availability';
import type { Actor } from '../delivery/status';
import type { Notice } from './notice';
import type { EventBody, EventName } from './realtimeEvents';

/**
 * What a change tells the world. Messages are written to the outbox with the change, and sent at least once
 * (ADR 3).
 */
export type Message =
  | { kind: 'startDelivery'; deliveryId: string }
  /** A driver can no longer do what the delivery counts on: its offer or its assignment ends. */
  | {
      kind: 'driverLeft';
      deliveryId: string;
      driverId: string;
      offerId?: string;
      assignmentId?: string;
      why: string;
    }
  /** Ops freed the driver of this job: of the offer or the assignment that is named. */
  | {
      kind: 'rescue';
      deliveryId: string;
      driverId: string;
      offerId: string | null;
      assignmentId: string | null;
      by: Actor;
      why: string;
    }
  /** An offer was withdrawn by another delivery's change; the delivery must look at its row. */
  | { kind: 'offerWithdrawn'; deliveryId: string; offerId: string }
  /** A driver has room: one waiting delivery in reach is woken, not those it passed already. */
  | { kind: 'driverFree'; driverId: string; passed: string[] }
  /** A driver can work no more: whatever else they have in hand or on offer ends too. */
  | { kind: 'letGo'; driverId: string }
  /** The driver's entry on the live map is to be made true again. */
  | { kind: 'syncDriver'; driverId: string }
  | { kind: 'endAvailabilityLater'; driverId: string; state: Availability; until: number }
  | { kind: 'emit'; emits: Emit[] }
  /** One notice to one addressee, so that a pager that is away does not make the chat hear it twice. */
  | { kind: 'notify'; notice: Notice };

/** One event for everyone in the rooms named (docs/behaviour.md#realtime). */
export type Emit = {
  [E in EventName]: { rooms: string[]; event: E; body: EventBody<E> };
}[EventName];

export const driverRoom = (driverId: string): string => `driver:${driverId}`;
export const opsRoom = (cityId: string): string => `ops:${cityId}`;
/** Who follows one delivery by its tracking token. */
export const trackingRoom = (deliveryId: string): string => `tracking:${deliveryId}`;
export const merchantRoom = (merchantId: string): string => `merchant:${merchantId}`;
