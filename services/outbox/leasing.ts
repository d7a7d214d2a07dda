import { type Message } from '../../domain/notices/message';
import { type Lease, type Leasing } from '../ports';
import { type DirectLane, type Slot } from './directLane';

/**
 * When the relay looks again for an event that waits for one of another process: right after it was sent, and after
 * it was marked with others.
 */
const AGAIN_AFTER_MS = [50, 300];

/**
 * @param laneOf the lane that sends messages of this kind from memory, if one does
 * @param notify the relay, of messages that had to wait
 */
export function createLeasing(
  laneOf: (kind: Message['kind']) => Pick<DirectLane, 'slotFor'> | undefined,
  notify: (messages: readonly Message[]) => void,
): Leasing {
  return {
    lease: (key, correlationId, messages, next): Lease => {
      const slots = messages.map(({ kind }) => laneOf(kind)?.slotFor(key, kind, next) ?? null);
      return {
        known: slots.map((slot) => slot && slot.known),
        send: (written, fresh) => {
          const rows = written.filter(({ kind }) => kind !== 'notify').values();
          const left = messages.filter((message, index) => {
            if (message.kind === 'notify') return true;
            const [slot, row] = [slots[index], rows.next().value];
            if (!slot || !row?.isLeased || row.kind !== message.kind) return true;
            slot.send({ id: BigInt(row.id), key, correlationId, attempts: 1, message }, fresh);
            return false;
          });
          if (isBlocked(left, messages, slots))
            AGAIN_AFTER_MS.forEach((ms) => setTimeout(() => notify(left), ms).unref());
          return left;
        },
      };
    },
  };
}

/** Whether an event had its place, and yet could not be leased: an earlier one of its key is unsent. */
function isBlocked(
  left: readonly Message[],
  messages: readonly Message[],
  slots: readonly (Slot | null)[],
): boolean {
  return messages.some((message, index) => slots[index] && left.includes(message));
}

/** Everything is left to the relay. */
export const NO_LEASES: Leasing = {
  lease: (_key, _correlationId, messages) => ({ known: [], send: () => messages }),
};
