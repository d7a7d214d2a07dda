import { type GuardRails } from '../../services/matching/guardRails';
import { type NoticeGroups } from '../../services/noticeGroups';
import { type ZoneHealth, type ZoneHealthReport } from '../../services/zones/zoneHealth';

/**
 * Each minute, how every zone fares: support and pager are told of those who wait, figures are kept, and what hurts is
 * switched off. None waits for another, so that a page is repeated while the live map is down.
 * @throws the first failure of the three, after all
 */
export function createZoneSweep({
  noticeGroups,
  zoneHealth,
  guardRails,
}: {
  noticeGroups: NoticeGroups;
  zoneHealth: Pick<ZoneHealth, 'compute'>;
  guardRails: GuardRails;
}): () => Promise<ZoneHealthReport> {
  return async () => {
    const [told, computed, guarded] = await Promise.allSettled([
      noticeGroups.bringUpToDate(),
      zoneHealth.compute(null),
      guardRails.check(),
    ]);
    if (told.status === 'rejected') throw told.reason;
    if (computed.status === 'rejected') throw computed.reason;
    if (guarded.status === 'rejected') throw guarded.reason;
    return computed.value;
  };
}
