import { type Features } from '../ports';

/** Whether the city's matching looks for this delivery's driver. It makes offers, so it needs them to be on. */
export function isMatched(
  features: Features,
  { cityId, deliveryId }: { cityId: string; deliveryId: string },
): boolean {
  const subject = { cityId, key: deliveryId };
  return features.isOn('batch_matching', subject) && features.isOn('driver_offers', subject);
}
