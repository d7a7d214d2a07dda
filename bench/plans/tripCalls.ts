import { v7 as newId } from 'uuid';
import { createDeliveryActivities } from '../../activities/delivery';
import { type Call, callAfter, driver, type Site } from './calls';
import type { Draw } from './draw';
import { runEvent } from './world';
import { posted } from './writes';

type Pair = { driverId: string; deliveryIds: readonly [string, string] };

/** Offers for several deliveries, and the answers to them. */
export function tripCalls(site: Site, draw: Draw): Call[] {
  const {
    api,
    world: { db, map, clock, notifyRelay, settings, store },
  } = site;
  const activities = createDeliveryActivities({
    store,
    map,
    features: { isOn: () => true },
    clock,
    newId,
    limits: settings,
    travel: settings.travel,
    timeScale: settings.timeScale,
    notifyRelay,
  });
  const propose = ({ driverId, deliveryIds: [deliveryId, ...along] }: Pair) => {
    const proposal = { driverId, roundId: newId(), parts: [], along };
    return runEvent(activities, { deliveryId, event: { kind: 'lookForDriver', freed: null, proposal } });
  };
  const pair = () => waitingPair(site, draw);
  return [
    callAfter('lookForDriver, two for one driver', pair, propose),
    callAfter(
      'POST /v2/offers/:id/accept, of two deliveries',
      async () => {
        const { driverId, ...proposed } = await pair();
        await propose({ driverId, ...proposed });
        const lead = await db.offer.findFirst({ where: { driverId, state: 'LIVE', tripSeat: 0 } });
        if (!lead) throw new Error('the driver was not asked');
        return { offerId: lead.id, driverId };
      },
      ({ offerId, driverId }) =>
        api.ask('POST /v2/offers/:id/accept', {
          params: { id: offerId },
          as: driver(driverId),
        }),
    ),
  ];
}

/**
 * Two deliveries that wait, and a free driver of their city who has room for both.
 * @throws Error where nobody is free
 */
async function waitingPair(site: Site, draw: Draw): Promise<Pair> {
  const { db } = site.world;
  for (let tries = 0; tries < 100; tries += 1) {
    const { driverId: id, cityId } = draw.one('free');
    const { count } = await db.driver.updateMany({
      where: { id, availability: 'AVAILABLE', liveOffers: 0, activeAssignments: 0 },
      data: { offerVersion: 3, capacity: 2 },
    });
    if (count === 0) continue;
    const deliveryIds = [await posted(site, cityId), await posted(site, cityId)] as const;
    await db.delivery.updateMany({ where: { id: { in: [...deliveryIds] } }, data: { status: 'SEARCHING' } });
    return { driverId: id, deliveryIds };
  }
  throw new Error('no driver is free in any city');
}
