import { type RoundInput } from '../../domain/matching/round';
import { type Clock } from '../ports';
import { barredPairs } from './matchingMetrics';

/** How often a pair is proposed within this time (ms). */
const MOST = 2;
const WITHIN_MS = 30_000;

type Made = { driverId: string; at: number };

/**
 * The proposals that rounds of this process have made lately. Whoever is proposed for a delivery is asked for it, or a
 * search has excluded them, and its delivery has called for another round. Where the rules of both differ, the same
 * pair would come again every second, and neither would ever be matched otherwise: so it rests for a while.
 */
export class RecentProposals {
  private readonly made = new Map<string, Made[]>();

  constructor(private readonly clock: Clock) {}

  note(deliveryId: string, driverId: string): void {
    const before = this.made.get(deliveryId) ?? [];
    this.made.set(deliveryId, [...before, { driverId, at: this.clock() }]);
  }

  /** The round without the pairs that have to rest. */
  without<Place>(input: RoundInput<Place>): RoundInput<Place> {
    this.forgetOld();
    if (this.made.size === 0) return input;
    const deliveries = input.deliveries.map((delivery) => {
      const resting = this.restingFor(delivery.deliveryId);
      if (resting.length === 0) return delivery;
      barredPairs.inc(resting.length);
      const barred = Object.fromEntries(resting.map((driverId) => [driverId, null]));
      return { ...delivery, notBefore: { ...delivery.notBefore, ...barred } };
    });
    return { ...input, deliveries };
  }

  private restingFor(deliveryId: string): string[] {
    const drivers = (this.made.get(deliveryId) ?? []).map(({ driverId }) => driverId);
    return [...new Set(drivers)].filter((each) => drivers.filter((other) => other === each).length >= MOST);
  }

  private forgetOld(): void {
    const oldest = this.clock() - WITHIN_MS;
    for (const [deliveryId, made] of this.made) {
      const left = made.filter(({ at }) => at > oldest);
      if (left.length === 0) this.made.delete(deliveryId);
      else this.made.set(deliveryId, left);
    }
  }
}
