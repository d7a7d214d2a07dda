/**
 * Tells cheaply that a delivery cannot fit into a route, before every order of the stops is tried. Most pairs of a
 * city's round are such. docs/behaviour.md#matching.
 */

import { timeRoute } from './insertion';
import type { MatchDelivery, MatchDriver, MatchRoute, Travel } from './round';
import type { MatchWeights } from './weights';

type BoundScene<Place> = { now: number; travel: Travel<Place>; weights: MatchWeights };

/** Travel times are rounded up to whole ms. */
const ROUNDING_MS = 5;

/** What a route allows at the most. Durations in ms. */
export class RouteBound<Place> {
  /** The start and the stops, in order. */
  private readonly places: readonly Place[];
  private readonly keys: ReadonlySet<string>;
  /** From each place to the next. */
  private readonly legMs: readonly number[];
  /** By how much whoever comes after each place may be delayed for the sake of another. */
  private readonly slackMs: readonly number[];
  private readonly freeAt: number;
  private readonly endsAt: number;

  constructor(
    private readonly driver: MatchDriver<Place>,
    private readonly route: MatchRoute<Place>,
    private readonly scene: BoundScene<Place>,
  ) {
    const { stops, capacity, maxExtraMs } = route;
    this.freeAt = Math.max(scene.now, driver.freeAt);
    const start = { place: driver.place, freeAt: this.freeAt, capacity };
    const timed = timeRoute({ ...start, stops }, (from, to) => this.wayMs(from, to));
    this.places = [driver.place, ...stops.map(({ place }) => place)];
    this.keys = new Set(stops.map(({ key }) => key));
    this.legMs = stops.map(({ place }, at) => this.wayMs(this.places[at] ?? place, place));
    this.endsAt = timed.at(-1)?.leavesAt ?? this.freeAt;
    this.slackMs = timed
      .reduceRight<number[]>((slacks, stop) => {
        const after = slacks.at(-1) ?? Infinity;
        if (stop.kind === 'PICKUP')
          return [...slacks, after + Math.max(0, stop.doneAt - stop.arrivesAt - stop.visitMs / 2)];
        const lateMs = stop.doneAt - stop.promisedAt;
        return [...slacks, Math.min(after, Math.max(maxExtraMs, lateMs) - lateMs)];
      }, [])
      .reverse();
  }

  /** False: it does not fit, in whatever order. */
  mayFit({ pickup, dropoff, readyAt }: MatchDelivery<Place>): boolean {
    // One visit for two stops costs less than the bound allows for.
    if (this.keys.has(pickup.key) || pickup.key === dropoff.key) return true;
    const toMs = this.places.map((place) => this.wayMs(place, pickup.place));
    const isOnWay = this.legMs.some((legMs, at) => {
      const detourMs = (toMs[at] ?? 0) + (toMs[at + 1] ?? 0) - legMs;
      return detourMs + this.scene.weights.pickupStopMs <= (this.slackMs[at] ?? 0) + ROUNDING_MS;
    });
    return isOnWay || this.isSoonAfter(toMs[0] ?? 0, toMs.at(-1) ?? 0, readyAt);
  }

  /** Whether the new customer would not wait too long if all of the route came first. */
  private isSoonAfter(fromStartMs: number, fromEndMs: number, readyAt: number): boolean {
    const alone = Math.max(this.freeAt + fromStartMs, readyAt);
    const last = Math.max(this.endsAt + fromEndMs, readyAt);
    // Being ready counts from the parcel, and arriving half a stop before it.
    return last - alone <= this.route.maxExtraMs + this.scene.weights.pickupStopMs / 2;
  }

  private wayMs(from: Place, to: Place): number {
    return this.scene.travel(from, to, this.driver.vehicle);
  }
}
