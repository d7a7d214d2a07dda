import { type Call, callAfter, type Site } from './calls';
import type { Draw } from './draw';
import { latOf, refused } from './writes';

/** Changes of orders before the pickup. */
export function orderChangeCalls({ api }: Site, draw: Draw): Call[] {
  const route = 'PATCH /v2/deliveries/:id';
  return [
    callAfter(
      `${route} of the pickup`,
      async () => draw.one('assigned'),
      ({ id, cityId }) => {
        const point = { lat: latOf(cityId), lng: 5 + Math.random() / 100 };
        return api.ask(route, { params: { id }, body: { pickup: { point } } });
      },
    ),
    callAfter(
      `${route} when it is over`,
      async () => draw.one('closed'),
      ({ id }) => {
        const body = { dropoff: { notes: 'late' } };
        return refused('ILLEGAL_TRANSITION', api.ask(route, { params: { id }, body }));
      },
    ),
  ];
}
