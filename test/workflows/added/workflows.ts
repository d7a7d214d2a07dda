/** The delivery workflow with one more command in its map. */
import type { DeliveryInput } from '../../../workflows/contract';
import { runDelivery } from '../../../workflows/delivery';
import { COMMANDS_AND_CALL_OFF } from './callOff';

export function delivery(input: DeliveryInput): Promise<string> {
  return runDelivery(input, COMMANDS_AND_CALL_OFF);
}
