import { randomInt, randomUUID } from 'node:crypto';
import { v7 as newId } from 'uuid';
import { createOrderStore } from '../../adapters/postgres/orderStore';
import { createOrders } from '../../services/orders';
import { type Call, call, type Site } from './calls';
import type { Draw } from './draw';
import { latOf } from './writes';

/** Merchants of the bench with few open deliveries are at this quota, so that theirs are counted again. */
const QUOTA_OF_FEW = 100;

/** An order of a merchant that comes near its quota of open deliveries. */
export function orderCalls({ world: { db, settings, clock, notifyRelay } }: Site, draw: Draw): Call[] {
  const { searchLeadMs, orders, travel, timeScale } = settings;
  const { takeOrder } = createOrders({
    store: createOrderStore(db),
    newId,
    searchLeadMs,
    limits: { ...orders, openDeliveriesMax: QUOTA_OF_FEW },
    travel,
    timeScale,
    notifyRelay,
  });
  const stop = (lat: number) => ({
    address: 'Street 1',
    point: { lat, lng: 5 },
    contactName: null,
    contactPhone: null,
    notes: null,
  });
  return [
    call('an order near the quota', async () => {
      const cityId = draw.city();
      const lat = latOf(cityId);
      const taken = await takeOrder(
        {
          merchantId: `merchant-${400 + randomInt(100)}`,
          sellerOrderId: randomUUID(),
          cityId,
          pickup: stop(lat),
          dropoff: stop(lat + 0.02),
          readyAt: null,
          windowFrom: null,
          windowTo: null,
          parcelSize: 'SMALL',
          feeCents: 500,
          payCents: null,
          currency: null,
          by: { kind: 'ops', id: 'bench' },
        },
        { fingerprint: '2:hash', requestHash: 'hash', fields: [] },
        randomUUID(),
        clock(),
      );
      if ('refused' in taken) throw new Error(taken.detail);
    }),
  ];
}
