import { type Actor } from '../domain/delivery/status';
import { reportWindowRisk } from '../domain/delivery/windowRisk';
import { type WindowRisk } from '../domain/orders/windowWatch';
import { type DeliveryDeps, featuresOf } from './deliveries/deliveryEvents';
import { countChanges } from './deliveries/deliveryMetrics';

export type WindowRisksDeps = Pick<
  DeliveryDeps,
  'store' | 'limits' | 'features' | 'clock' | 'newId' | 'notifyRelay'
>;

export type WindowRisks = {
  /**
   * Tells ops and the merchant that a delivery is not expected within its window. One transaction; it changes
   * nothing that the delivery's workflow waits for.
   * @returns false where they were told before, or the delivery has reached the drop-off meanwhile
   */
  report(deliveryId: string, risk: WindowRisk, correlationId: string): Promise<boolean>;
};

const SWEEP: Actor = { kind: 'system', id: 'windows-sweep' };
const NO_OTHER_ROWS = { offerIds: [], driverIds: [], pickFrom: [], pickAtMost: 0 };

export function createWindowRisks(deps: WindowRisksDeps): WindowRisks {
  const { store, limits, clock, newId, notifyRelay } = deps;
  return {
    report: async (deliveryId, risk, correlationId) => {
      const now = clock();
      const { entries, left } = await store.change(
        deliveryId,
        NO_OTHER_ROWS,
        (state) =>
          reportWindowRisk(state, risk, {
            now,
            newId,
            actor: SWEEP,
            limits,
            features: featuresOf(deps, state),
          }),
        now,
        correlationId,
      );
      countChanges(entries);
      if (left.length > 0) notifyRelay(left);
      return entries.length > 0;
    },
  };
}
