/** News to a driver whose app is closed. docs/notifications.md. */

import { driverNotice } from '../../notices/driverNotice';
import { type Notice } from '../../notices/notice';
import { type ChangeSet } from './changeSet';

/** Sent only where web push is on. The content holds no personal data. */
export function pushToDriver(
  changes: ChangeSet,
  driverId: string,
  content: Pick<Notice, 'about' | 'title' | 'text'>,
): void {
  const { limits, delivery, now } = changes;
  if (limits.pushesOffers) changes.send(driverNotice(driverId, { ...delivery, at: now }, content));
}
