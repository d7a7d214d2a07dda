import { statusWithoutOffers, trackingOf } from '../domain/delivery/tracking';
import {
  CLOSED_SHOWN_MS,
  type MerchantState,
  type OpsState,
  STATE_LIMITS,
} from '../domain/notices/stateEvents';
import {
  type CaseStateRow,
  type DeliveryStateRow,
  readCasesOfCities,
  readClosedOfMerchant,
  readOpenOfCities,
  readOpenOfMerchant,
  readTracked,
} from '../adapters/postgres/roomStateRows';
import { readActsInForce } from '../adapters/postgres/zoneActRows';
import { type Clock, type Read, type RoomStates } from './ports';
import { toldStop } from './zones/toldStop';

/**
 * The states of ops, merchants and followers of a delivery when they connect, from PostgreSQL. Each list has one row
 * more read than shown, to tell whether there are more (docs/behaviour.md#realtime).
 */
export function createRoomStates({ read, clock }: { read: Read; clock: Clock }): RoomStates {
  return {
    ops: async (cities) => {
      const at = iso(clock());
      const [deliveries, cases] = await Promise.all([
        readOpenOfCities(read, cities, STATE_LIMITS.opsDeliveries + 1),
        readCasesOfCities(read, cities, STATE_LIMITS.opsCases + 1),
      ]);
      return {
        deliveries: deliveries.slice(0, STATE_LIMITS.opsDeliveries).map(opsLine),
        hasMoreDeliveries: deliveries.length > STATE_LIMITS.opsDeliveries,
        cases: cases.slice(0, STATE_LIMITS.opsCases).map(caseLine),
        hasMoreCases: cases.length > STATE_LIMITS.opsCases,
        at,
      };
    },
    merchant: async (merchantId) => {
      const now = clock();
      const [open, closed, acts] = await Promise.all([
        readOpenOfMerchant(read, merchantId, STATE_LIMITS.merchantOpen + 1),
        readClosedOfMerchant(read, merchantId, now - CLOSED_SHOWN_MS, STATE_LIMITS.merchantClosed + 1),
        readActsInForce(read, { cities: null, now }),
      ]);
      return {
        merchantId,
        deliveries: open.slice(0, STATE_LIMITS.merchantOpen).map(merchantLine),
        hasMoreDeliveries: open.length > STATE_LIMITS.merchantOpen,
        closed: closed.slice(0, STATE_LIMITS.merchantClosed).map(merchantLine),
        hasMoreClosed: closed.length > STATE_LIMITS.merchantClosed,
        ordersStopped: acts.flatMap((act) => toldStop(act) ?? []),
        at: iso(now),
      };
    },
    tracking: async (deliveryId) => {
      const row = await readTracked(read, deliveryId);
      if (!row) return null;
      const { statusSince, delayedSince } = row;
      return trackingOf({
        ...row,
        statusSince: statusSince.getTime(),
        delayedSince: delayedSince?.getTime() ?? null,
      });
    },
  };
}

function opsLine(row: DeliveryStateRow): OpsState['deliveries'][number] {
  const { cityId, merchantId, escalationLevel, status } = row;
  return { ...lineOf(row), status, cityId, merchantId, escalationLevel };
}

function merchantLine(row: DeliveryStateRow): MerchantState['deliveries'][number] {
  return { ...lineOf(row), status: statusWithoutOffers(row.status) };
}

function lineOf({
  deliveryId,
  sellerOrderId,
  driverId,
  reasonCode,
  delayedSince,
  statusSince,
}: DeliveryStateRow): Omit<MerchantState['deliveries'][number], 'status'> {
  return {
    deliveryId,
    sellerOrderId,
    driverId,
    reasonCode,
    delayedSince: delayedSince === null ? null : iso(delayedSince),
    at: iso(statusSince),
  };
}

function caseLine({ roseAt, ...row }: CaseStateRow): OpsState['cases'][number] {
  return { ...row, resolution: null, at: iso(roseAt) };
}

function iso(at: number | Date): string {
  return new Date(at).toISOString();
}
