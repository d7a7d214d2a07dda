/** News to a driver whose app is closed. docs/notifications.md. */

import { type Notice } from '../../notices/notice';
import { type ChangeSet } from './changeSet';

/** Sent only where web push is on. The content holds no personal data. */
export function pushToDriver(
  changes: ChangeSet,
  driverId: string,
  content: Pick<Notice, 'about' | 'title' | 'text'>,
): void {
  if (!changes.limits.pushesOffers) return;
  const { deliveryId, cityId } = changes.delivery;
  changes.send({
    kind: 'notify',
    notice: {
      to: { kind: 'driver', driverId },
      what: 'open',
      severity: 'warning',
      link: null,
      cityId,
      facts: { deliveryId },
      at: changes.now,
      ...content,
    },
  });
}
