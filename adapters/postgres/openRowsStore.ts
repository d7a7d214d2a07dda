import { deliveryWorkflowId, orderOfWorkflowId } from '../../workflows/contract';
import { type OpenRow, type OpenRowsStore } from '../../activities/sweeps/openRows';
import { type Database } from './database';

type Row = { id: string; merchantId: string; sellerOrderId: string };

export function createOpenRowsStore(db: Database): OpenRowsStore {
  return {
    countOpen: (untouchedSince) =>
      db.delivery.count({ where: { closedAt: null, statusChangedAt: { lt: new Date(untouchedSince) } } }),
    openRows: async ({ untouchedSince, afterId, limit }) => {
      const rows = await db.delivery.findMany({
        where: {
          closedAt: null,
          statusChangedAt: { lt: new Date(untouchedSince) },
          ...(afterId === null ? {} : { id: { gt: afterId } }),
        },
        orderBy: { id: 'asc' },
        take: limit,
        select: { id: true, merchantId: true, sellerOrderId: true },
      });
      return rows.map(openRow);
    },
    closedAmong: async (workflowIds, closedBefore) => {
      const orders = workflowIds.flatMap((workflowId) => orderOfWorkflowId(workflowId) ?? []);
      const rows = await db.$queryRaw<Row[]>`
        SELECT d.id, d.merchant_id AS "merchantId", d.seller_order_id AS "sellerOrderId"
        FROM jsonb_to_recordset(${JSON.stringify(orders)}::jsonb) AS o("merchantId" text,
          "sellerOrderId" text)
        JOIN deliveries d ON d.merchant_id = o."merchantId" AND d.seller_order_id = o."sellerOrderId"
        WHERE d.closed_at < ${new Date(closedBefore)}`;
      return rows.map(openRow);
    },
    overdue: async ({ dueBefore, limit }) => {
      const before = new Date(dueBefore);
      const rows = await db.$queryRaw<Row[]>`
        SELECT d.id, d.merchant_id AS "merchantId", d.seller_order_id AS "sellerOrderId" FROM deliveries d
        WHERE d.closed_at IS NULL AND d.status_changed_at < ${before} AND (
          (d.status IN ('PENDING', 'SEARCHING') AND d.held_reason IS NULL
            AND coalesce(d.search_again_at, d.search_at) < ${before})
          OR (d.status = 'OFFERED' AND NOT EXISTS (SELECT FROM offers o WHERE o.delivery_id = d.id
            AND o.state = 'LIVE' AND o.expires_at >= ${before})))
        ORDER BY d.id LIMIT ${limit}`;
      return rows.map(openRow);
    },
    // Reads live rows, and every driver's counters once: an index on those would make each offer dearer,
    // since it updates them.
    wrongHolds: async () => {
      const rows = await db.$queryRaw<{ id: string }[]>`
        WITH held AS (
          SELECT driver_id, sum(offers)::int AS offers, sum(assignments)::int AS assignments FROM (
            SELECT driver_id, 1 AS offers, 0 AS assignments FROM offers WHERE state = 'LIVE'
            UNION ALL SELECT driver_id, 0, 1 FROM assignments WHERE state = 'ACTIVE') AS each
              GROUP BY driver_id)
        SELECT coalesce(d.id, held.driver_id) AS id
        FROM (SELECT id, live_offers, active_assignments FROM drivers WHERE live_offers <> 0
          OR active_assignments <> 0) d FULL JOIN held ON held.driver_id = d.id
        WHERE coalesce(d.live_offers, 0) <> coalesce(held.offers, 0)
          OR coalesce(d.active_assignments, 0) <> coalesce(held.assignments, 0)`;
      return rows.map(({ id }) => id);
    },
  };
}

function openRow({ id, merchantId, sellerOrderId }: Row): OpenRow {
  return { deliveryId: id, workflowId: deliveryWorkflowId(merchantId, sellerOrderId) };
}
