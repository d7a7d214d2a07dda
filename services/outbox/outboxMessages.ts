import { type Actor } from '../../domain/delivery/status';
import { type Message, withAllOps } from '../../domain/notices/message';
import { type Notice } from '../../domain/notices/notice';
import { type MessageHandler } from './sending';
import { atMostOnceASecond } from '../matching/roundCalls';
import { type Dispatcher, type Emitter, type Fresh, type MapEntry } from '../ports';

/** The receivers of outbox messages. Every message may come twice. */
export type MessageDeps = {
  dispatcher: Dispatcher;
  emitter: Emitter;
  /** Writes the PostgreSQL state of this driver to the live map; `entry` where it need not be read. */
  syncDriver: (driverId: string, entry?: MapEntry) => Promise<unknown>;
  /** Ends the jobs and offers of a driver who can no longer work. */
  releaseDriver: (driverId: string, correlationId: string) => Promise<unknown>;
  /** Opens a case for a delivery whose merchant was suspended. */
  merchantSuspended: (deliveryId: string, by: Actor, correlationId: string) => Promise<unknown>;
  /** Does the part of an act on a zone that concerns one delivery. */
  zoneAct: (part: { actId: string; deliveryId: string }) => Promise<unknown>;
  /** Wakes the most urgent waiting delivery within a driver's reach. */
  driverFree: (payload: {
    driverId: string;
    passed: readonly string[];
    correlationId: string;
    entry?: MapEntry;
  }) => Promise<unknown>;
  /** Sends a notice; see services/notices.ts. */
  notify: (notice: Notice) => Promise<unknown>;
};

export function createMessageHandler({
  dispatcher,
  emitter,
  syncDriver,
  releaseDriver,
  merchantSuspended,
  zoneAct,
  driverFree,
  notify,
}: MessageDeps): MessageHandler {
  const callRound = atMostOnceASecond(dispatcher);
  return async (message: Message, correlationId: string, fresh: Fresh = {}): Promise<void> => {
    switch (message.kind) {
      case 'startDelivery':
        return dispatcher.startDelivery(message.deliveryId, correlationId, fresh.order);
      case 'driverLeft': {
        const { deliveryId, driverId, offerId = null, assignmentId = null, why } = message;
        return dispatcher.signalDriverLeft(deliveryId, {
          driverId,
          offerId,
          assignmentId,
          why,
          correlationId,
        });
      }
      case 'rescue': {
        const { deliveryId, driverId, offerId, assignmentId, by, why } = message;
        return dispatcher.signalDriverRescued(deliveryId, {
          driverId,
          offerId,
          assignmentId,
          by,
          why,
          correlationId,
        });
      }
      case 'offerWithdrawn':
        return dispatcher.signalOfferWithdrawn(message.deliveryId, {
          offerId: message.offerId,
          correlationId,
        });
      case 'driverFree':
        return void (await driverFree({
          driverId: message.driverId,
          passed: message.passed,
          correlationId,
          entry: entryOf(fresh, message.driverId),
        }));
      case 'roundDue':
        return callRound(message.cityId, correlationId);
      case 'letGo':
        return void (await releaseDriver(message.driverId, correlationId));
      case 'merchantSuspended':
        return void (await merchantSuspended(message.deliveryId, message.by, correlationId));
      case 'zoneAct':
        return void (await zoneAct({ actId: message.actId, deliveryId: message.deliveryId }));
      case 'syncDriver':
        return void (await syncDriver(message.driverId, entryOf(fresh, message.driverId)));
      case 'endAvailabilityLater':
        return dispatcher.endAvailabilityLater({
          driverId: message.driverId,
          state: message.state,
          until: message.until,
          correlationId,
        });
      case 'emit':
        return void (await Promise.all(
          message.emits.map((event) => emitter.emit({ ...event, rooms: withAllOps(event.rooms) })),
        ));
      case 'notify':
        return void (await notify(message.notice));
      default:
        return unknownMessage(message);
    }
  };
}

function entryOf({ mapEntries }: Fresh, driverId: string): MapEntry | undefined {
  return mapEntries?.find((entry) => entry.driverId === driverId);
}

/**
 * A newer process may put in what an older one does not know: it stays in the outbox until one that does
 * takes it.
 */
function unknownMessage(message: never): never {
  throw new Error(`unknown outbox message ${JSON.stringify(message)}`);
}
