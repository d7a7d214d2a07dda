import type { ApiDeps } from '../deps';

/**
 * Records that a driver's app read its live offer: what an app has read, it shows (ADR 13). An app that reads by
 * REST and never sends OFFER_SEEN must not let offers lapse for free. A failure must not hide the offer.
 */
export async function noteShown(
  { driverStates, log }: Pick<ApiDeps, 'driverStates' | 'log'>,
  offerId: string | null,
  driverId: string,
): Promise<void> {
  if (offerId === null) return;
  try {
    await driverStates.offerSeen(offerId, driverId);
  } catch (err) {
    log.warn({ err, offerId }, 'that the offer was read could not be recorded');
  }
}
