/**
 * The alerts of a pager about one delivery. The first page opens `delivery/<id>`, each repeat an alert of its own,
 * since a pager folds pages of one alert and wakes nobody again. docs/notifications.md#pagerduty.
 */

/** The alert of the first page, and the matter of all notices about a delivery. */
export function firstAlert(deliveryId: string): string {
  return `delivery/${deliveryId}`;
}

/** @param pagedAt when it was paged, epoch ms */
function repeatedAlert(deliveryId: string, pagedAt: number): string {
  return `${firstAlert(deliveryId)}/${new Date(pagedAt).toISOString()}`;
}

/** A page that is repeated opens a new alert, and then ends the one before: nobody goes unpaged meanwhile. */
export function repeatOf(
  deliveryId: string,
  lastPagedAt: number | null,
  now: number,
): { alert: string; endsAlerts: string[] } {
  return { alert: repeatedAlert(deliveryId, now), endsAlerts: openAlerts(deliveryId, lastPagedAt) };
}

/**
 * The alerts that may be open. A pager ignores the end of one that is not.
 * @param lastPagedAt when the delivery was last paged, the first time or again
 */
export function openAlerts(deliveryId: string, lastPagedAt: number | null): string[] {
  return [firstAlert(deliveryId), ...(lastPagedAt === null ? [] : [repeatedAlert(deliveryId, lastPagedAt)])];
}
