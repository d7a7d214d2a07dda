import type { AvailabilityRefusal } from '../../domain/driver/availabilityChange';
import type { RefusalCode } from '../../domain/delivery/deliveryState';

/**
 * What a problem is about: its HTTP status, its title, and when it comes. docs/problems.md shows the same
 * table.
 */
type Kind = { status: number; title: string; when: string };

/**
 * Every refusal of the API, by its stable code (RFC 9457). Codes are never renamed: clients decide by them.
 */
export const PROBLEMS = {
  MALFORMED_REQUEST: {
    status: 400,
    title: 'The request cannot be read',
    when: 'The body is not JSON, or the address is not properly encoded.',
  },
  INVALID_REQUEST: {
    status: 400,
    title: 'The request is not valid',
    when: 'A field is missing, unknown, or not allowed; `errors` names each one.',
  },
  UNAUTHENTICATED: {
    status: 401,
    title: 'A valid token is needed',
    when: 'There is no token, or it is not valid (any more).',
  },
  FORBIDDEN: {
    status: 403,
    title: 'Not for this role',
    when: 'The token is valid, but its role may not do this at all, or only ops of all cities may.',
  },
  NOT_FOUND: { status: 404, title: 'Not found', when: 'It does not exist, or belongs to another.' },
  NO_SUCH_ROUTE: { status: 404, title: 'There is no such address', when: 'No route has this path.' },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'Not by this method',
    when: 'The path exists with other methods; `Allow` names them.',
  },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    title: 'The key was used for another order',
    when: 'The merchant sent this `sellerOrderId` before with another body.',
  },
  ALREADY_EXISTS: { status: 409, title: 'It exists already', when: 'The id is taken by one that differs.' },
  OFFER_EXPIRED: { status: 409, title: 'The offer expired', when: 'Its time was up before the answer.' },
  OFFER_WITHDRAWN: {
    status: 409,
    title: 'The offer was withdrawn',
    when: 'Cancelled, taken by another, or its driver left.',
  },
  ALREADY_ANSWERED: {
    status: 409,
    title: 'The offer was answered before',
    when: 'The opposite answer came first.',
  },
  PAY_NOT_RAISED: {
    status: 409,
    title: 'The pay is higher already',
    when: 'Pay is only ever raised: the bonus named is below the present one.',
  },
  NOT_PICKED_UP: {
    status: 409,
    title: 'Nobody has the goods yet',
    when: 'A hand-over before the pickup: assign the other driver instead.',
  },
  ILLEGAL_TRANSITION: {
    status: 409,
    title: 'Not in this state',
    when: 'The delivery is in a state that this does not lead out of; `delivery` shows it.',
  },
  CASE_RESOLVED: {
    status: 409,
    title: 'The case is resolved',
    when: 'A case of the support queue was to be acknowledged that is over.',
  },
  CASE_NEEDS_DECISION: {
    status: 409,
    title: 'The case needs a decision',
    when: 'The search for a driver waits for ops: assign a driver, let the search go on, or cancel; each resolves the case.',
  },
  DRIVER_OFF_DUTY: { status: 409, title: 'The driver is off duty', when: 'OFFLINE or SHIFT_ENDED.' },
  DRIVER_ON_BREAK: {
    status: 409,
    title: 'The driver is on a break',
    when: 'ON_BREAK or PAUSED, and `override` was not set.',
  },
  DRIVER_HAS_NO_ROOM: {
    status: 409,
    title: 'The driver has no room',
    when: 'They carry as much as they can.',
  },
  DRIVER_IN_OTHER_CITY: {
    status: 409,
    title: 'The driver works in another city',
    when: 'Driver and delivery are of different cities.',
  },
  DRIVER_NOT_AVAILABLE: {
    status: 409,
    title: 'The driver is not available',
    when: 'The state of the driver does not allow what was asked for.',
  },
  PUSH_OFF: { status: 404, title: 'Web push is off', when: 'The service has no keys for web push.' },
  FEATURE_OFF: {
    status: 409,
    title: 'The feature is switched off',
    when: 'Breaks, pauses and shift ends are off for this driver.',
  },
  FEATURE_KILLED: {
    status: 409,
    title: 'The feature is killed',
    when: 'The environment killed it: nothing said at run time overrides that.',
  },
  FEATURE_CHANGED: {
    status: 409,
    title: 'The feature was changed meanwhile',
    when: '`after` is not the last change any more: a form that is too old would undo what came since; `feature` shows what holds.',
  },
  NOT_ON_BREAK: { status: 409, title: 'The driver is on no break', when: 'A break was to be ended.' },
  NOT_PAUSED: { status: 409, title: 'The driver is not paused', when: 'A pause was to be ended.' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large', when: 'It has over 100 kB.' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Not in this form',
    when: 'The body is not `application/json` in UTF-8, or compressed in an unknown way.',
  },
  REASON_NOT_ALLOWED: {
    status: 422,
    title: 'Not for this reason',
    when: 'The reason does not go with the state of the delivery, or the role of who gives it.',
  },
  INVALID_DURATION: {
    status: 422,
    title: 'Too short or too long',
    when: 'A break or pause outside its limits.',
  },
  INVALID_SHIFT_END: {
    status: 422,
    title: 'The shift cannot end then',
    when: 'The end of a shift is not in the future.',
  },
  INVALID_AREA: {
    status: 422,
    title: 'The area is not valid',
    when: 'A GeoJSON area with open rings, points out of range, too many points, or no extent.',
  },
  UNKNOWN_CITY: {
    status: 422,
    title: 'There is no such city',
    when: 'The body names a city that does not exist.',
  },
  UNKNOWN_MERCHANT: {
    status: 422,
    title: 'There is no such merchant',
    when: 'The order is of a merchant that was never registered.',
  },
  WRONG_CURRENCY: {
    status: 422,
    title: 'Not in this currency',
    when: 'The order is not in the currency of its city.',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    title: 'Too many requests',
    when: 'A limit by the minute is used up; `Retry-After` says how many seconds to wait.',
  },
  INTERNAL: {
    status: 500,
    title: 'Something went wrong here',
    when: 'A fault of the service; the correlation id finds it in the log.',
  },
  NOT_ANSWERED_IN_TIME: {
    status: 503,
    title: 'Not answered in time',
    when: 'What was asked for may or may not happen: safe to retry, the same request gets the same answer.',
  },
  UNAVAILABLE: {
    status: 503,
    title: 'Not available now',
    when: 'Something the service depends on is away: safe to retry.',
  },
} as const satisfies Record<string, Kind> & Record<RefusalCode | AvailabilityRefusal, Kind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One thing wrong in a request; `path` like `pickup.point.lat`, or '' for the whole. */
export type FieldError = { path: string; message: string };

type More = {
  errors?: readonly FieldError[];
  headers?: Readonly<Record<string, string>>;
  /** Further members of the body, such as the state of the delivery. */
  members?: Readonly<Record<string, unknown>>;
};

/** A refusal on its way to the client. `detail` is for people and holds no secret and no personal data. */
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

/** The body of the answer. @param instance the path that was asked for */
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
