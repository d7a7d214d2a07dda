import { type Notice } from '../../domain/notices/notice';
import { NOTICE_TIMEOUT_MS } from '../../services/notices';
import { type Notifier } from '../../services/ports';
import { postJson } from './noticeHttp';

export type PagerDutyDeps = {
  url: string;
  routingKey: string;
  publicUrl: string | null;
  timeoutMs?: number;
  /** Where notices go that PagerDuty refuses. */
  second?: Notifier;
};

/** PagerDuty's limit. */
const MAX_SUMMARY = 1_024;
/** Trigger and ends together take less than the outbox lease. */
const ENDING_SHARE = 0.8;

/**
 * Pages whoever is on call through PagerDuty's Events API v2. PagerDuty appends an event to an open alert of the same
 * key, and wakes nobody; so a repeat has another key, and the alert before it ends once the new one is open. The end
 * of an alert that is not open is accepted and ignored.
 */
export function createPagerDutyNotifier({
  url,
  routingKey,
  publicUrl,
  timeoutMs = NOTICE_TIMEOUT_MS,
  second,
}: PagerDutyDeps): Notifier {
  const post = (dedupKey: string, event: Record<string, unknown>, limitMs: number): Promise<void> =>
    postJson('PagerDuty', url, { routing_key: routingKey, dedup_key: dedupKey, ...event }, limitMs);
  return {
    channel: 'pagerduty',
    ...(second && { second }),
    notify: async (notice) => {
      const { what, about, alert = about, endsAlerts = what === 'resolved' ? [about] : [] } = notice;
      if (what === 'open') await post(alert, triggerOf(notice, publicUrl), timeoutMs);
      await Promise.all(
        endsAlerts.map((each) => post(each, { event_action: 'resolve' }, timeoutMs * ENDING_SHARE)),
      );
      return 'sent';
    },
  };
}

function triggerOf(
  { severity, title, text, link, cityId, about, facts, at }: Notice,
  publicUrl: string | null,
): Record<string, unknown> {
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
