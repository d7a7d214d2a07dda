import { createHash, randomInt } from 'node:crypto';
import type { Caller } from '../../api/auth/caller';
import type { TimedPosition } from '../../api/http/fields';
import type { AuditFilters } from '../../api/queries/audit';
import { CITIES, deliveriesOf, DRIVERS, MERCHANTS, monthOf, type Seed } from './seed';

export type Asked = { caller: Caller; filters: AuditFilters; page: { after?: TimedPosition; limit: number } };
export type QueryKind = { name: string; draw: () => Asked };

const DAY_MS = 86_400_000;
const EVERYWHERE: Caller = { role: 'ops', subject: 'bench', cities: 'all' };
const LIMIT = 50;

/** The same as the seed's `key_of`. */
function keyOf(what: string, n: number): string {
  const hex = createHash('md5').update(`${what}${n}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Each way the API can query the trail, with new random keys each time. */
export function queryKinds(seed: Seed): QueryKind[] {
  const [start, end] = [monthOf(seed, 0).getTime(), monthOf(seed, seed.months).getTime()];
  const deliveryNumber = (): number => randomInt(1, Math.max(2, deliveriesOf(seed)));
  const driverId = (): string => keyOf('driver', randomInt(DRIVERS));
  const city = (): string => `city-${randomInt(CITIES)}`;
  const month = (): { since: number; until: number } => {
    const until = start + 31 * DAY_MS + randomInt(Math.max(1, end - start - 31 * DAY_MS));
    return { since: until - 31 * DAY_MS, until };
  };
  const place = (at: number): TimedPosition => ({ at, id: keyOf('place', at) });
  const ask = (
    filters: AuditFilters,
    { caller = EVERYWHERE, after }: { caller?: Caller; after?: TimedPosition } = {},
  ): Asked => ({ caller, filters, page: { after, limit: LIMIT } });
  return [
    { name: 'delivery', draw: () => ask({ deliveryId: keyOf('delivery', deliveryNumber()) }) },
    { name: 'driver', draw: () => ask({ driverId: driverId() }) },
    { name: 'driver, next page', draw: () => ask({ driverId: driverId() }, { after: place(month().until) }) },
    { name: 'driver and kind', draw: () => ask({ driverId: driverId(), kind: 'availability_changed' }) },
    {
      name: 'order',
      draw: () => {
        const number = deliveryNumber();
        return ask({
          order: { merchantId: `merchant-${number % MERCHANTS}`, sellerOrderId: `order-${number}` },
        });
      },
    },
    { name: 'actor, a driver', draw: () => ask({ actor: { kind: 'driver', id: driverId() }, ...month() }) },
    {
      name: 'actor, of ops',
      draw: () => ask({ actor: { kind: 'ops', id: `ops-${randomInt(200)}` }, ...month() }),
    },
    { name: 'actor, the system', draw: () => ask({ actor: { kind: 'system', id: 'search' }, ...month() }) },
    {
      name: 'actor and city',
      draw: () => ask({ actor: { kind: 'system', id: 'search' }, cityId: city(), ...month() }),
    },
    { name: 'kind', draw: () => ask({ kind: 'offer_accepted', ...month() }) },
    { name: 'kind and city', draw: () => ask({ kind: 'offer_accepted', cityId: city(), ...month() }) },
    {
      name: 'kind, and a city without entries of it',
      draw: () => ask({ kind: 'offer_accepted', cityId: 'nowhere', ...month() }),
    },
    {
      name: 'kind and actor without common entries',
      draw: () => ask({ kind: 'availability_changed', actor: { kind: 'system', id: 'search' }, ...month() }),
    },
    { name: 'city and time', draw: () => ask({ cityId: city(), ...month() }) },
    { name: 'time', draw: () => ask(month()) },
    {
      name: 'time, three cities, next page',
      draw: () => {
        const { since, until } = month();
        return ask(
          { since, until },
          {
            caller: { role: 'ops', subject: 'bench', cities: [city(), city(), city()] },
            after: place(until - DAY_MS),
          },
        );
      },
    },
  ];
}
