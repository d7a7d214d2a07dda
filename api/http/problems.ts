import type { AvailabilityRefusal } from '../../domain/driver/availabilityChange';
import type { RefusalCode } from '../../domain/delivery/deliveryState';

/** A kind of problem: its HTTP status, its title, and when it occurs. docs/problems.md has the same table. */
type Kind = { status: number; title: string; when: string };

/**
 * Every problem of the API (RFC 9457) by its stable code. Codes are never renamed: clients branch on them.
 */
export const PROBLEMS = {
  MALFORMED_REQUEST: {
    status: 400,
    title: 'The request cannot be read',
    when: 'The body is not JSON, or the URL is not properly encoded.',
  },
  INVALID_REQUEST: {
    status: 400,
    title: 'The request is not valid',
    when: 'A field is missing, unknown, or not allowed; `errors` names each one.',
  },
  UNAUTHENTICATED: {
    status: 401,
    title: 'A valid token is required',
    when: 'The token is missing, invalid or expired.',
  },
  FORBIDDEN: {
    status: 403,
    title: 'Not allowed for this role',
    when: 'The role of the token does not allow this, or only ops of all cities may do it.',
  },
  SUSPENDED: {
    status: 403,
    title: 'Suspended',
    when: 'Ops have suspended the driver or the merchant of the token.',
  },
  NOT_FOUND: {
    status: 404,
    title: 'Not found',
    when: 'The resource does not exist, or belongs to another tenant.',
  },
  NO_SUCH_ROUTE: { status: 404, title: 'No such route', when: 'No route has this path.' },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'Method not allowed',
    when: 'The path supports other methods; `Allow` lists them.',
  },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    title: 'The idempotency key was used for another order',
    when: 'The merchant sent this `sellerOrderId` before with a different body; `errors` names the fields.',
  },
  ALREADY_EXISTS: {
    status: 409,
    title: 'Already exists',
    when: 'A resource with this id exists and differs.',
  },
  OFFER_EXPIRED: { status: 409, title: 'The offer expired', when: 'The offer expired before the answer.' },
  OFFER_WITHDRAWN: {
    status: 409,
    title: 'The offer was withdrawn',
    when: 'The delivery was cancelled, another driver accepted it, or the driver went off duty.',
  },
  ALREADY_ANSWERED: {
    status: 409,
    title: 'The offer was already answered',
    when: 'The driver gave the opposite answer before.',
  },
  PAY_NOT_RAISED: {
    status: 409,
    title: 'The pay is already higher',
    when: 'The requested bonus is below the current one. Pay can only be raised.',
  },
  NOT_PICKED_UP: {
    status: 409,
    title: 'The goods are not picked up yet',
    when: 'A hand-over needs goods that were picked up. Before the pickup, assign the other driver instead.',
  },
  GOODS_IN_HAND: {
    status: 409,
    title: 'The delivery went on without this driver',
    when: 'A driver who lost the delivery says that they hold its goods. They keep them; support know, and decide.',
  },
  GOODS_NOT_NEEDED: {
    status: 409,
    title: 'The goods are not needed any more',
    when: 'A driver says that they hold the goods of a closed delivery. They bring them back to the shop.',
  },
  ILLEGAL_TRANSITION: {
    status: 409,
    title: 'Not allowed in this state',
    when: 'The current state of the delivery does not allow this transition; `delivery` shows the state.',
  },
  TOO_MANY_OPEN_DELIVERIES: {
    status: 409,
    title: 'Too many open deliveries',
    when: 'The merchant has as many open deliveries as it may have. The order can be sent again once one is closed.',
  },
  CASE_RESOLVED: {
    status: 409,
    title: 'The case is resolved',
    when: 'A resolved case of the support queue cannot be acknowledged.',
  },
  CASE_NEEDS_DECISION: {
    status: 409,
    title: 'The case needs a decision',
    when: 'The search waits for ops. Assigning a driver, resuming the search or cancelling resolves the case.',
  },
  DRIVER_OFF_DUTY: {
    status: 409,
    title: 'The driver is off duty',
    when: 'The driver is OFFLINE or SHIFT_ENDED.',
  },
  DRIVER_ON_BREAK: {
    status: 409,
    title: 'The driver is on a break',
    when: 'The driver is ON_BREAK or PAUSED, and `override` is not set.',
  },
  DRIVER_HAS_NO_ROOM: {
    status: 409,
    title: 'The driver is at capacity',
    when: 'The driver has as many offers and assignments as their capacity allows.',
  },
  DRIVER_HAS_WORK: {
    status: 409,
    title: 'The driver has work',
    when: 'The driver has an offer or a job that the change would contradict. Send it again afterwards.',
  },
  DRIVER_AT_WORK: {
    status: 409,
    title: 'The driver is at work',
    when: 'A driver is erased only while OFFLINE or SHIFT_ENDED, without offers and deliveries.',
  },
  DRIVER_IN_OTHER_CITY: {
    status: 409,
    title: 'The driver works in another city',
    when: 'The driver and the delivery belong to different cities.',
  },
  DRIVER_SUSPENDED: {
    status: 409,
    title: 'The driver is suspended',
    when: 'A suspended driver cannot come on duty.',
  },
  MERCHANT_SUSPENDED: {
    status: 409,
    title: 'The merchant is suspended',
    when: 'Ops send an order for a merchant who is suspended.',
  },
  DRIVER_NOT_AVAILABLE: {
    status: 409,
    title: 'The driver is not available',
    when: 'The availability of the driver does not allow the request.',
  },
  PUSH_OFF: { status: 404, title: 'Web push is disabled', when: 'The service has no VAPID keys.' },
  TRACKING_OFF: {
    status: 404,
    title: 'Tracking is disabled',
    when: 'The service has no key for tracking tokens.',
  },
  TRACKING_OVER: {
    status: 409,
    title: 'The delivery can no longer be followed',
    when: 'The delivery closed longer ago than a tracking token is valid.',
  },
  FEATURE_OFF: {
    status: 409,
    title: 'The feature is disabled',
    when: 'Breaks, pauses and shift ends are disabled for this driver.',
  },
  FEATURE_KILLED: {
    status: 409,
    title: 'The feature is killed',
    when: 'The environment disables the feature. A change at run time cannot override that.',
  },
  FEATURE_CHANGED: {
    status: 409,
    title: 'The feature was changed in the meantime',
    when: '`after` is not the last change: a newer change exists; `feature` shows the current setting.',
  },
  MATCHING_CHANGED: {
    status: 409,
    title: 'What the city is matched by was changed in the meantime',
    when: '`after` is not the last change: a newer change exists; `matching` shows what holds.',
  },
  NOT_ON_BREAK: { status: 409, title: 'The driver is not on a break', when: 'There is no break to end.' },
  NOT_PAUSED: { status: 409, title: 'The driver is not paused', when: 'There is no pause to end.' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large', when: 'The body exceeds 100 kB.' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Unsupported media type',
    when: 'The body is not `application/json` in UTF-8, or its content encoding is not supported.',
  },
  REASON_NOT_ALLOWED: {
    status: 422,
    title: 'Reason not allowed',
    when: 'The state of the delivery or the role of the caller does not allow this reason.',
  },
  INVALID_DURATION: {
    status: 422,
    title: 'Invalid duration',
    when: 'The duration of the break or pause, or of an act on a zone, is outside its limits.',
  },
  RADIUS_NOT_ALLOWED: {
    status: 422,
    title: 'Radius not allowed',
    when: 'Searches of a zone or a city may not be widened so far.',
  },
  INVALID_SHIFT_END: {
    status: 422,
    title: 'Invalid shift end',
    when: 'The end of the shift is not in the future.',
  },
  INVALID_AREA: {
    status: 422,
    title: 'The area is not valid',
    when: 'The area has open rings, points out of range, too many points, or no extent, or its city too many.',
  },
  STOP_OUT_OF_AREA: {
    status: 422,
    title: 'A stop is outside the area of the city',
    when: 'A stop is farther from the centre of its city than the city delivers; `stops` names each one.',
  },
  PAY_NOT_ALLOWED: {
    status: 422,
    title: 'Pay not allowed',
    when: 'A merchant set the pay of a driver, or the pay with its bonus exceeds the cap.',
  },
  INVALID_CENTER: {
    status: 422,
    title: 'The centre is not valid',
    when: 'The centre of the city does not fit its time zone, or its zones are outside its area.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'The idempotency key was used for another request',
    when: 'The same `Idempotency-Key` came with another body before, from the same caller to the same URL.',
  },
  PHONE_TOO_SHORT: {
    status: 422,
    title: 'The phone number is too short',
    when: 'An erasure by phone needs at least six digits.',
  },
  UNKNOWN_CITY: {
    status: 422,
    title: 'No such city',
    when: 'The body names a city that does not exist.',
  },
  UNKNOWN_POLICY: {
    status: 422,
    title: 'No such policy',
    when: 'The body names a policy of the matching, or a version of it, that does not exist.',
  },
  UNKNOWN_MERCHANT: {
    status: 422,
    title: 'No such merchant',
    when: 'The merchant of the order is not registered.',
  },
  V2_REQUIRED: {
    status: 422,
    title: 'An app of v2 is required',
    when: 'New drivers need an app that answers offers: `offerVersion` is missing, null or 1.',
  },
  UNKNOWN_CURRENCY: {
    status: 422,
    title: 'No such currency',
    when: 'The currency of a new city is no code of ISO 4217 that is in use.',
  },
  WRONG_CURRENCY: {
    status: 422,
    title: 'Wrong currency',
    when: 'The currency of the order differs from the currency of its city.',
  },
  TIME_NOT_POSSIBLE: {
    status: 422,
    title: 'Time not possible',
    when: 'The ready time or window lies too far away, is over, or ends too early; `errors` has the bound.',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    title: 'Too many requests',
    when: 'A rate limit per minute is exceeded; `Retry-After` gives the seconds to wait.',
  },
  INTERNAL: {
    status: 500,
    title: 'Internal error',
    when: 'The service failed. The correlation id finds the error in the log.',
  },
  NOT_ANSWERED_IN_TIME: {
    status: 503,
    title: 'Not answered in time',
    when: 'The request may or may not take effect. It is safe to retry: the same request gets the same answer.',
  },
  ORDERS_STOPPED: {
    status: 503,
    title: 'Orders are stopped',
    when: 'The zone or city of the pickup takes no orders: `reason` says why, `until` and `Retry-After` how long.',
  },
  UNAVAILABLE: {
    status: 503,
    title: 'Service unavailable',
    when: 'A dependency of the service is unavailable. It is safe to retry.',
  },
} as const satisfies Record<string, Kind> & Record<RefusalCode | AvailabilityRefusal, Kind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One invalid field of a request. `path` is like `pickup.point.lat`, or '' for the whole request. */
export type FieldError = { path: string; message: string };

type More = {
  errors?: readonly FieldError[];
  headers?: Readonly<Record<string, string>>;
  /** Further members of the body, such as the state of the delivery. */
  members?: Readonly<Record<string, unknown>>;
};

/** A problem to be sent to the client. `detail` is for people and has no secrets and no personal data. */
export class Problem extends Error {
  override name = 'Problem';

  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly more: More = {},
  ) {
    super(`${code}: ${detail}`);
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.more.headers ?? {};
  }
}

/** The body of the response. @param instance the path of the request */
export function problemBody(
  { code, detail, more }: Problem,
  { instance, correlationId }: { instance: string; correlationId: string },
): Record<string, unknown> {
  const { status, title } = PROBLEMS[code];
  const errors = more.errors === undefined ? {} : { errors: more.errors };
  return {
    type: problemType(code),
    title,
    status,
    detail,
    code,
    instance,
    correlationId,
    ...errors,
    ...more.members,
  };
}

/** The stable `type`: `/problems/offer-expired`. */
export function problemType(code: ProblemCode): string {
  return `/problems/${code.toLowerCase().replaceAll('_', '-')}`;
}
