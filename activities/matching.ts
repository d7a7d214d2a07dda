import { decideRoundInSteps } from '../domain/matching/matcher';
import { MATCH_WEIGHTS } from '../domain/matching/weights';
import { type CityRounds, type CityRoundsDeps, createCityRounds } from '../services/matching/cityRounds';
import { RecentProposals } from '../services/matching/recentProposals';
import { createShadowRounds } from '../services/matching/shadowRounds';

/** How many deliveries one offer may be for, and how much later a customer may get theirs for it. */
type TripLimits = { tripMaxDeliveries: number; tripMaxExtraMs: number };

export type MatchingDeps = Omit<CityRoundsDeps, 'decide' | 'shadow'> & { limits: TripLimits };

/** The activities of the owner of a city's matching. */
export function createMatching(deps: MatchingDeps): CityRounds {
  const decide = decidingWithin(deps.limits, deps.timeScale);
  const recent = new RecentProposals(deps.clock);
  return createCityRounds({
    ...deps,
    dispatcher: {
      propose: async (deliveryId, proposal) => {
        await deps.dispatcher.propose(deliveryId, proposal);
        recent.note(deliveryId, proposal.driverId);
      },
    },
    decide: (input, changes) => decide(recent.without(input), changes),
    shadow: createShadowRounds({ read: deps.read, decide, log: deps.log }),
  });
}

/** A policy may ask for less than the limits of a trip, not for more. */
function decidingWithin(
  { tripMaxDeliveries, tripMaxExtraMs }: TripLimits,
  timeScale: number,
): CityRoundsDeps['decide'] {
  const extraMs = tripMaxExtraMs * timeScale; // rounds weigh whole minutes
  return (input, changes) =>
    decideRoundInSteps(input, {
      ...MATCH_WEIGHTS,
      ...changes,
      maxBundle: Math.min(changes.maxBundle ?? tripMaxDeliveries, tripMaxDeliveries),
      bundleExtraMs: Math.min(changes.bundleExtraMs ?? extraMs, extraMs),
    });
}
