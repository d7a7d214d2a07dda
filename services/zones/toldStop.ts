import { type EventBody } from '../../domain/notices/realtimeEvents';
import { ordersStopOf, type ZoneAct } from '../../domain/zones/zoneAct';

/** A stop of orders as clients are told it. @returns null where the act is none */
export function toldStop(act: ZoneAct): EventBody<'orders_stop_changed'>['stop'] {
  const stop = ordersStopOf(act);
  if (!stop) return null;
  const { cityId, zoneId, reason, until } = stop;
  return { cityId, zoneId, reason, until: new Date(until).toISOString() };
}
