/**
 * The alerts of a pager about one delivery, as releases up to 2.1 opened them: `delivery/<id>` by the first page, and
 * one of its own by each repeat. They end with their case. Pages are now those of a group (ADR 51).
 */

/** The alert of the first page, and the matter of notices about one delivery that belong to no group. */
export function firstAlert(deliveryId: string): string {
  return `delivery/${deliveryId}`;
}

/**
 * The alerts that may be open. A pager ignores the end of one that is not.
 * @param lastPagedAt when the delivery was last paged, the first time or again
 */
export function openAlerts(deliveryId: string, lastPagedAt: number | null): string[] {
  const first = firstAlert(deliveryId);
  return lastPagedAt === null ? [first] : [first, `${first}/${new Date(lastPagedAt).toISOString()}`];
}
