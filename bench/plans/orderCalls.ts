import { randomInt, randomUUID } from 'node:crypto';
import { v7 as newId } from 'uuid';
import { createOrderStore } from '../../adapters/postgres/orderStore';
import { createWindowsSweep } from '../../activities/sweeps/windows';
import { createOrders } from '../../services/orders';
import { createWindowRisks } from '../../services/windowRisks';
import { type Call, call, callAfter, type Site } from './calls';
import type { Draw } from './draw';
import { posted } from './writes';
import { latOf } from './writes';

/** Merchants of the bench with few open deliveries are at this quota, so that theirs are counted again. */
const QUOTA_OF_FEW = 100;

/** An order of a merchant that comes near its quota of open deliveries; and windows that end soon. */
export function orderCalls(site: Site, draw: Draw): Call[] {
  const { world } = site;
  const { db, map, settings, clock, notifyRelay } = world;
  const { searchLeadMs, orders, travel, timeScale } = settings;
  const placing = createOrders({
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
  const sweepWindows = createWindowsSweep({
    db,
    map,
    risks: createWindowRisks({ ...world, limits: settings, newId }),
    clock,
    travel,
    timeScale,
    warningMs: settings.windowWarningMs,
    log: { warn: () => {} },
    heartbeat: () => {},
  });
  return [
    callAfter(
      'sweep of windows',
      async () => {
        const id = await posted(site, draw.city());
        await db.delivery.update({ where: { id }, data: { windowTo: new Date(clock() + 60_000) } });
      },
      () => sweepWindows(),
    ),
    call('an order near the quota', async () => {
      const cityId = draw.city();
      const lat = latOf(cityId);
      const taken = await placing.takeOrder(
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
