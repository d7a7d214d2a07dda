/**
 * When the offer of a pair is made: as late as is safe, so that a nearer driver may turn up.
 * docs/behaviour.md#matching.
 */

import type { MatchDriver } from './round';
import { pairTimes, type Scene } from './costTerms';
import type { Trip } from './trips';

/**
 * The latest safe time of an offer. The driver who takes it at once comes to the pickup just when the goods are ready,
 * or as soon as their present work allows, with `safetyMs` to spare for an answer and for a second driver.
 */
export function latestSafeAt<Place>(
  trip: Trip<Place>,
  driver: MatchDriver<Place>,
  scene: Scene<Place>,
): number {
  const { toPickupMs } = pairTimes(trip, driver, scene);
  const mustLeaveAt = trip.readyAt - scene.weights.pickupStopMs / 2 - toPickupMs;
  return Math.max(mustLeaveAt, driver.freeAt) - scene.weights.safetyMs;
}
