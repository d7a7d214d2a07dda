/**
 * Ops suspend drivers and merchants: until the suspension is lifted they may do nothing.
 * docs/behaviour.md#access.
 */
import type { AvailabilityRequest } from './availabilityRequest';

/** Why a suspended driver leaves their work. */
export const SUSPENDED = 'SUSPENDED';

/** Who can be suspended. Ops are their identity provider's matter. */
export type SuspensionSubject = { kind: 'driver' | 'merchant'; id: string };

/** An open suspension. `since`: epoch ms. */
export type Suspension = { subject: SuspensionSubject; since: number; byId: string; why: string };

/** Whether a request brings the driver on duty, which a suspension forbids, whoever asks. */
export function bringsOnDuty(request: { kind: AvailabilityRequest['kind']; availability?: string }): boolean {
  switch (request.kind) {
    case 'shiftStart':
    case 'breakStart':
    case 'breakEnd':
    case 'pause':
    case 'resume':
      return true;
    case 'set':
      return request.availability !== 'OFFLINE';
    case 'shiftEnd':
    case 'silence':
    case 'timedEnd':
    case 'workBegins':
    case 'workEnds':
    case 'lost':
    case 'acted':
    case 'lapsedTooOften':
    case 'statesKilled':
      return false;
  }
}
