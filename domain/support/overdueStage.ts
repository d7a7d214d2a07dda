/** What is written and sent about a stage that takes too long. docs/behaviour.md#stages; ADR 48. */

import { type DeliveryFacts, type Entry } from '../delivery/deliveryState';
import { type Actor } from '../delivery/status';
import { type OverdueStage, type Stage } from '../driver/stageWatch';
import { driverNotice } from '../notices/driverNotice';
import { driverRoom, type Message } from '../notices/message';
import { caseEmit, caseEntry, deliveryNotice } from './caseChanges';
import { type CaseFacts, newCase } from './supportCase';

type StageChange = { entry: Entry; messages: readonly Message[] };

/** The driver is reminded, in their app and, where web push is on, on their closed phone. */
export function reminder(
  delivery: DeliveryFacts,
  { driverId, assignmentId, stage, dueAt }: OverdueStage,
  { by, now, pushes }: { by: Actor; now: number; pushes: boolean },
): StageChange {
  const { deliveryId, cityId } = delivery;
  const [due, at] = [iso(dueAt), iso(now)];
  const content = {
    about: `delivery/${deliveryId}/${stage}`,
    title: 'Is your delivery on its way?',
    text: REMINDERS[stage],
  };
  return {
    entry: {
      kind: 'carrier_reminded',
      chain: 'delivery',
      driverId,
      actor: by,
      from: null,
      to: null,
      why: stage,
      deviceAt: null,
      detail: { assignmentId, dueAt: due },
    },
    messages: [
      {
        kind: 'emit',
        emits: [
          {
            rooms: [driverRoom(driverId)],
            event: 'STEP_OVERDUE',
            body: { deliveryId, driverId, status: stage, dueAt: due, at },
          },
        ],
      },
      ...(pushes ? [driverNotice(driverId, { deliveryId, cityId, at: now }, content)] : []),
    ],
  };
}

const REMINDERS: Readonly<Record<Stage, string>> = {
  ASSIGNED: 'You were expected at the pickup by now. Report your arrival, or call support.',
  AT_PICKUP: 'You were expected to have the goods by now. Report the pickup, or call support.',
  PICKED_UP: 'You were expected at the door by now. Report your arrival, or call support.',
  AT_DROPOFF: 'You were expected to have delivered by now. Report it, or call support.',
  RETURNING: 'You were expected back at the shop by now. Report the return, or call support.',
};

/** The case for ops. Where one is open, for whatever reason, they look after the delivery already. */
export function overdueCase(
  delivery: DeliveryFacts,
  { driverId, stage }: OverdueStage,
  { by, now, newId }: { by: Actor; now: number; newId: () => string },
): StageChange & { opened: CaseFacts } {
  const urgency = { level: delivery.escalationLevel, reason: 'CARRIER_OVERDUE', driverId } as const;
  const opened = newCase(newId(), urgency, now);
  const title = `Support queue: the driver takes too long ${WHERE[stage]}`;
  return {
    opened,
    entry: caseEntry('case_opened', null, opened, delivery, by),
    messages: [
      { kind: 'emit', emits: [caseEmit(opened, delivery, now)] },
      deliveryNotice(
        delivery,
        { to: 'support', what: 'open', severity: 'error', title, cause: urgency.reason },
        now,
      ),
    ],
  };
}

const WHERE: Readonly<Record<Stage, string>> = {
  ASSIGNED: 'to the pickup',
  AT_PICKUP: 'at the pickup',
  PICKED_UP: 'to the dropoff',
  AT_DROPOFF: 'at the dropoff',
  RETURNING: 'back to the shop',
};

function iso(at: number): string {
  return new Date(at).toISOString();
}
