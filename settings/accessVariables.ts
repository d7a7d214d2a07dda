import { choiceList, optionalWordPairs, whole, word } from './variable';

/** The roles that a token can have. */
const ROLE_NAMES = ['driver', 'ops', 'merchant', 'customer'] as const;

/** Who a token speaks for: where its claims are, what its roles mean, and how long it holds. API only. */
export const CLAIM_VARIABLES = {
  roleClaim: word(
    'JWT_ROLE_CLAIM',
    'role',
    'the claim with the role or roles; nested ones by dots, such as realm_access.roles',
  ),
  roleValues: optionalWordPairs(
    'JWT_ROLE_VALUES',
    ROLE_NAMES,
    'what the roles of the issuer mean; roles that it does not name count for nothing. ' +
      'Unset: driver, ops, merchant and customer mean themselves',
  ),
  citiesClaim: word(
    'JWT_CITIES_CLAIM',
    'cities',
    'the claim with the cities of ops: a list, * for all; without it they see none',
  ),
  driverClaim: word('JWT_DRIVER_CLAIM', 'sub', 'the claim with the driver’s id, a UUID'),
  merchantClaim: word('JWT_MERCHANT_CLAIM', 'merchantId', 'the claim with the merchant’s id'),
  maxAgeMinutes: whole(
    'JWT_MAX_AGE_MINUTES',
    1_440,
    { min: 1, max: 43_200 },
    'the longest that a token holds after it was issued, whatever its own expiry says',
  ),
};

/** What a production must not have, by the word that allows it all the same. */
export const PRODUCTION_RISKS = [
  'local-key',
  'demo-sign-in',
  'time-scale',
  'plain-jwks',
  'plain-postgres',
  'plain-redis',
  'plain-temporal',
  'default-password',
  'local-notices',
] as const;
export type ProductionRisk = (typeof PRODUCTION_RISKS)[number];

/** For worker and API. */
export const PRODUCTION_VARIABLES = {
  allowedInProduction: choiceList(
    'ALLOW_IN_PRODUCTION',
    PRODUCTION_RISKS,
    'what NODE_ENV=production refuses, and this deployment may have all the same',
  ),
};
