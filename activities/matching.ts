import { decideRoundInSteps } from '../domain/matching/matcher';
import { MATCH_WEIGHTS } from '../domain/matching/weights';
import { type CityRounds, type CityRoundsDeps, createCityRounds } from '../services/matching/cityRounds';
import { RecentProposals } from '../services/matching/recentProposals';

/** How many deliveries one offer may be for, and how much later a customer may get theirs for it. */
type TripLimits = { tripMaxDeliveries: number; tripMaxExtraMs: number };

export type MatchingDeps = Omit<CityRoundsDeps, 'decide'> & { limits: TripLimits };

/** The activities of the owner of a city's matching. */
export function createMatching(deps: MatchingDeps): CityRounds {
  const { limits, timeScale } = deps;
  const weights = {
    ...MATCH_WEIGHTS,
    maxBundle: limits.tripMaxDeliveries,
    bundleExtraMs: limits.tripMaxExtraMs * timeScale, // rounds weigh whole minutes
  };
  const recent = new RecentProposals(deps.clock);
  return createCityRounds({
    ...deps,
    dispatcher: {
      propose: async (deliveryId, proposal) => {
        await deps.dispatcher.propose(deliveryId, proposal);
        recent.note(deliveryId, proposal.driverId);
      },
    },
    decide: (input) => decideRoundInSteps(recent.without(input), weights),
  });
}
