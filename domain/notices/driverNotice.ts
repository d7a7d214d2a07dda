/** News to a driver whose app is closed, by web push. docs/notifications.md. */

import { type Message } from './message';
import { type Notice } from './notice';

/** The content holds no personal data. */
export function driverNotice(
  driverId: string,
  { deliveryId, cityId, at }: { deliveryId: string; cityId: string; at: number },
  content: Pick<Notice, 'about' | 'title' | 'text'>,
): Message {
  return {
    kind: 'notify',
    notice: {
      to: { kind: 'driver', driverId },
      what: 'open',
      severity: 'warning',
      link: null,
      cityId,
      facts: { deliveryId },
      at,
      ...content,
    },
  };
}
