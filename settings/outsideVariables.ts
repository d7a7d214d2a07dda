import { choice, optionalKey, optionalOrigins, optionalText, whole } from './variable';

/** Variables of the API for clients elsewhere: pages of other origins, old sockets, customers with a link. */
export const OUTSIDE_VARIABLES = {
  trackingKey: optionalKey(
    'TRACKING_KEY',
    32,
    'the HS256 key of tracking tokens, of its own; unset: customers cannot follow deliveries',
  ),
  trackingPreviousKey: optionalKey(
    'TRACKING_PREVIOUS_KEY',
    32,
    'the TRACKING_KEY before the present one, whose tokens are valid until they expire',
  ),
  trackingHours: whole(
    'TRACKING_TOKEN_HOURS',
    24,
    { min: 1, max: 720 },
    'how long a tracking token is valid after its delivery is due',
  ),
  requireV2From: optionalText(
    'REQUIRE_V2_FROM',
    {
      pattern: /^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/,
      allowed: 'a day such as 2027-01-31, in UTC',
      isSecret: false,
    },
    'the day from which new drivers need an app of v2; unset: apps of v1 are taken',
  ),
  corsOrigins: optionalOrigins(
    'CORS_ORIGINS',
    'the browser origins that may use API and sockets from other addresses; unset: none may use the API',
  ),
  socketPolling: choice(
    'SOCKET_POLLING',
    'true',
    ['true', 'false'],
    'serve long polling beside WebSocket, for old clients; it needs sticky sessions',
  ),
};
