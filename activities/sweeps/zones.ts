import { type NoticeGroups } from '../../services/noticeGroups';
import { type ZoneHealth, type ZoneHealthReport } from '../../services/zones/zoneHealth';

/**
 * Each minute, how every zone fares: support and pager are told of those who wait, and figures are kept. Neither waits
 * for the other, so that a page is repeated while the live map is down.
 * @throws the first failure of the two, after both
 */
export function createZoneSweep({
  noticeGroups,
  zoneHealth,
}: {
  noticeGroups: NoticeGroups;
  zoneHealth: Pick<ZoneHealth, 'compute'>;
}): () => Promise<ZoneHealthReport> {
  return async () => {
    const [told, computed] = await Promise.allSettled([
      noticeGroups.bringUpToDate(),
      zoneHealth.compute(null),
    ]);
    if (told.status === 'rejected') throw told.reason;
    if (computed.status === 'rejected') throw computed.reason;
    return computed.value;
  };
}
