import { type Notifiers } from '../../services/notices';
import { type Clock, type Log, type NoticeSettings, type Notifier } from '../../services/ports';
import { type Database } from '../postgres/database';
import { createLogNotifier } from './logNotifier';
import { createPagerDutyNotifier } from './pagerDutyNotifier';
import { createSlackNotifier } from './slackNotifier';
import { createWebPushNotifier } from './webPushNotifier';

/** Drivers get notices in their app. If the app is closed and web push is off, there is no other channel. */
const NOBODY: Notifier = { channel: 'web_push', notify: async () => 'not_needed' };

/** The configured channels. Support and pager default to the log. */
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
  const {
    slackUrl,
    pagerDuty: { url, routingKey },
    webPush,
    allowLocalPush,
    publicUrl,
  } = settings;
  return {
    support:
      slackUrl === null ? createLogNotifier(log, 'warn') : createSlackNotifier({ url: slackUrl, publicUrl }),
    pager:
      routingKey === null
        ? createLogNotifier(log, 'error')
        : createPagerDutyNotifier({ url, routingKey, publicUrl }),
    driver:
      webPush === null
        ? NOBODY
        : createWebPushNotifier({ db, vapid: webPush, publicUrl, allowLocal: allowLocalPush, clock, log }),
  };
}
