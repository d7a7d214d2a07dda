import { decideRoundInSteps } from '../domain/matching/matcher';
import { MATCH_WEIGHTS } from '../domain/matching/weights';
import { type CityRounds, type CityRoundsDeps, createCityRounds } from '../services/matching/cityRounds';

/** A driver is offered one delivery at a time. */
const WEIGHTS = { ...MATCH_WEIGHTS, maxBundle: 1 };

/** The activities of the owner of a city's matching. */
export function createMatching(deps: Omit<CityRoundsDeps, 'decide'>): CityRounds {
  return createCityRounds({ ...deps, decide: (input) => decideRoundInSteps(input, WEIGHTS) });
}
