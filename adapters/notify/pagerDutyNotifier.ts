import { type Notice } from '../../domain/notices/notice';
import { NOTICE_TIMEOUT_MS } from '../../services/notices';
import { type Notifier } from '../../services/ports';
import { postJson } from './noticeHttp';

export type PagerDutyDeps = { url: string; routingKey: string; publicUrl: string | null; timeoutMs?: number };

/** PagerDuty's limit. */
const MAX_SUMMARY = 1_024;

/**
 * Pages whoever is on call through PagerDuty's Events API v2. Notices with the same key are one incident, and
 * `resolved` closes it.
 */
export function createPagerDutyNotifier({
  url,
  routingKey,
  publicUrl,
  timeoutMs = NOTICE_TIMEOUT_MS,
}: PagerDutyDeps): Notifier {
  return {
    channel: 'pagerduty',
    notify: async (notice) => {
      await postJson(
        'PagerDuty',
        url,
        { routing_key: routingKey, dedup_key: notice.about, ...eventOf(notice, publicUrl) },
        timeoutMs,
      );
      return 'sent';
    },
  };
}

function eventOf(
  { what, severity, title, text, link, cityId, about, facts, at }: Notice,
  publicUrl: string | null,
): Record<string, unknown> {
  if (what === 'resolved') return { event_action: 'resolve' };
  const shown = link === null || publicUrl !== null ? {} : { link };
  return {
    event_action: 'trigger',
    payload: {
      summary: title.slice(0, MAX_SUMMARY),
      source: 'driver-service',
      severity,
      timestamp: new Date(at).toISOString(),
      component: 'dispatch',
      group: cityId,
      class: about.split('/')[0],
      custom_details: { text, ...facts, ...shown },
    },
    links: link === null || publicUrl === null ? [] : [{ href: `${publicUrl}${link}`, text: 'Open' }],
  };
}
