import { defineUpdate } from '@temporalio/workflow';
import type { Actor } from '../../../domain/delivery/status';
import {
  type Command,
  type CommandMap,
  type CommandRequest,
  COMMANDS,
  type Traced,
} from '../../../workflows/contract';

/** A command that the service does not have: the customer calls off a delivery. */
export const callOff: Command<Traced & { by: Actor }, CommandRequest> = {
  name: 'callOff',
  update: defineUpdate('callOff'),
  eventOf: ({ by }) => ({ kind: 'cancelDelivery', by, reason: 'CUSTOMER_CANCELLED' }),
  updateId: (_, { deliveryId, scope }) => `callOff/${deliveryId}/${scope}`,
};

/** The map with one more command. */
export const COMMANDS_AND_CALL_OFF = { ...COMMANDS, callOff } satisfies CommandMap;
