import { closestFirst } from '../domain/matching/closestFirst';
import { type CityRounds, type CityRoundsDeps, createCityRounds } from '../services/matching/cityRounds';

/** The activities of the owner of a city's matching. */
export function createMatching(deps: Omit<CityRoundsDeps, 'decide'>): CityRounds {
  return createCityRounds({ ...deps, decide: closestFirst });
}
