import { type DeliveryStatus } from '../delivery/status';

/** The statuses in which a driver has the delivery; each is a stage. */
export const STAGES = [
  'ASSIGNED',
  'AT_PICKUP',
  'PICKED_UP',
  'AT_DROPOFF',
  'RETURNING',
] as const satisfies readonly DeliveryStatus[];
export type Stage = (typeof STAGES)[number];

/**
 * The stage of an assignment as the sweep last saw it. `since`: the driver's last step in any of their jobs, from
 * which the time was planned; `remindedAt`, `toldAt`: when the driver and when ops were told; null = not yet.
 */
export type PlannedStage = {
  stage: Stage;
  since: number;
  dueAt: number;
  remindedAt: number | null;
  toldAt: number | null;
};
