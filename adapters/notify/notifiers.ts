import { type Notifiers } from '../../services/notices';
import { type Clock, type Log, type NoticeSettings, type Notifier } from '../../services/ports';
import { type Database } from '../postgres/database';
import { createLogNotifier } from './logNotifier';
import { createPagerDutyNotifier } from './pagerDutyNotifier';
import { createSlackNotifier } from './slackNotifier';
import { createWebPushNotifier } from './webPushNotifier';

/** Drivers get notices in their app. If the app is closed and web push is off, there is no other channel. */
const NOBODY: Notifier = { channel: 'web_push', notify: async () => 'not_needed' };

/**
 * The configured channels. Support and pager default to the log, which also takes what every channel refuses. A page
 * that the pager refuses goes to the fallback chat, or else to support's: somebody should see it.
 */
export function createNotifiers({
  db,
  clock,
  log,
  settings,
}: {
  db: Database;
  clock: Clock;
  log: Log;
  settings: NoticeSettings;
}): Notifiers {
  const { slackUrl, fallbackUrl, pagerDuty, webPush, allowLocalPush, publicUrl } = settings;
  const lastly = createLogNotifier(log, 'error');
  const fallback =
    fallbackUrl === null
      ? null
      : createSlackNotifier({ url: fallbackUrl, publicUrl, channel: 'fallback', second: lastly });
  const slack =
    slackUrl === null ? null : createSlackNotifier({ url: slackUrl, publicUrl, second: fallback ?? lastly });
  const { url, routingKey } = pagerDuty;
  return {
    support: slack ?? createLogNotifier(log, 'warn'),
    pager:
      routingKey === null
        ? lastly
        : createPagerDutyNotifier({ url, routingKey, publicUrl, second: fallback ?? slack ?? lastly }),
    driver:
      webPush === null
        ? NOBODY
        : createWebPushNotifier({ db, vapid: webPush, publicUrl, allowLocal: allowLocalPush, clock, log }),
  };
}
