import type { OrderRefusal, StopOutOfArea } from '../../domain/orders/orderRules';
import { outOfAreaWords } from '../../domain/orders/serviceArea';
import type { Taken } from '../../services/orders';
import { iso } from '../http/fields';
import { Problem } from '../http/problems';

type Refused = Extract<Taken, { refused: string }> | OrderRefusal;

/** The problem of an order that is refused, with what is wrong by its fields. */
export function orderProblem(refusal: Refused): Problem {
  switch (refusal.refused) {
    case 'STOP_OUT_OF_AREA':
      return new Problem(refusal.refused, refusal.detail, {
        errors: refusal.stops.map((stop) => ({ path: `${stop.name}.point`, message: outOfAreaWords(stop) })),
        members: { stops: refusal.stops.map(showStop) },
      });
    case 'IDEMPOTENCY_CONFLICT':
      return new Problem(refusal.refused, refusal.detail, {
        errors: refusal.fields.map((path) => ({ path, message: 'differs from the first order' })),
      });
    case 'PAY_NOT_ALLOWED':
      return new Problem(refusal.refused, refusal.detail, {
        errors: [{ path: 'payCents', message: refusal.detail }],
      });
    case 'TIME_NOT_POSSIBLE':
      return new Problem(refusal.refused, refusal.detail, {
        errors: refusal.times.map(({ field, rule }) => ({ path: field, message: rule })),
      });
    case 'ORDERS_STOPPED': {
      const { detail, stop, endsInMs } = refusal;
      return new Problem(refusal.refused, detail, {
        headers: { 'Retry-After': String(Math.max(1, Math.ceil(endsInMs / 1_000))) },
        members: { zoneId: stop.zoneId, reason: stop.reason, until: iso(stop.until) },
      });
    }
    case 'TOO_MANY_OPEN_DELIVERIES':
    case 'UNKNOWN_CITY':
    case 'UNKNOWN_MERCHANT':
    case 'WRONG_CURRENCY':
      return new Problem(refusal.refused, refusal.detail);
  }
}

function showStop({ name, ...outside }: StopOutOfArea): Record<string, unknown> {
  return { stop: name, ...outside };
}
