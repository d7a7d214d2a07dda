import { describe, expect, it } from '@jest/globals';
import { readSettings, SettingsError } from '../../settings';

const NEEDED = { DATABASE_URL: 'postgresql://127.0.0.1:5432/dispatch', REDIS_URL: 'redis://127.0.0.1:6379' };
const PUBLIC = `B${'a'.repeat(86)}`;
const PRIVATE = 'p'.repeat(43);
const ALLOWED_URLS = 'allowed: a URL that begins with https://, or http:// on 127.0.0.1 or localhost';
const ALL_OR_NONE =
  'allowed: all of WEB_PUSH_VAPID_PUBLIC_KEY, WEB_PUSH_VAPID_PRIVATE_KEY, WEB_PUSH_VAPID_SUBJECT, or none of them';

describe('notice settings', () => {
  it('default to the log, and to nothing for drivers', () => {
    expect(readSettings(NEEDED).notices).toEqual({
      slackUrl: null,
      fallbackUrl: null,
      pagerDuty: { url: 'https://events.pagerduty.com/v2/enqueue', routingKey: null },
      webPush: null,
      allowLocalPush: false,
      publicUrl: null,
      maxAgeMs: 3_600_000,
    });
  });

  it('name the channels and ignore the time scale', () => {
    expect(
      readSettings({
        ...NEEDED,
        TIME_SCALE: '60',
        SLACK_WEBHOOK_URL: 'https://chat.example/hook',
        PAGERDUTY_ROUTING_KEY: 'k'.repeat(32),
        PAGERDUTY_URL: 'http://127.0.0.1:9/enqueue',
        WEB_PUSH_VAPID_PUBLIC_KEY: PUBLIC,
        WEB_PUSH_VAPID_PRIVATE_KEY: PRIVATE,
        WEB_PUSH_VAPID_SUBJECT: 'mailto:ops@dispatch.example',
        WEB_PUSH_ALLOW_LOCAL: 'true',
        PUBLIC_URL: 'https://dispatch.example/app/',
        NOTIFICATION_MAX_AGE_MINUTES: '5',
      }).notices,
    ).toEqual({
      slackUrl: 'https://chat.example/hook',
      fallbackUrl: null,
      pagerDuty: { url: 'http://127.0.0.1:9/enqueue', routingKey: 'k'.repeat(32) },
      webPush: { publicKey: PUBLIC, privateKey: PRIVATE, subject: 'mailto:ops@dispatch.example' },
      allowLocalPush: true,
      publicUrl: 'https://dispatch.example/app',
      maxAgeMs: 300_000,
    });
  });

  it('are refused if insecure or malformed, without showing secrets', () => {
    const problems = problemsOf({
      ...NEEDED,
      SLACK_WEBHOOK_URL: 'http://chat.example/hush-hush',
      PAGERDUTY_ROUTING_KEY: 'hush-hush',
      PAGERDUTY_URL: 'http://pager.example/',
      WEB_PUSH_VAPID_PUBLIC_KEY: 'short',
      WEB_PUSH_VAPID_PRIVATE_KEY: 'hush-hush',
      WEB_PUSH_VAPID_SUBJECT: 'ops@dispatch.example',
    });
    expect(problems).toEqual([
      `SLACK_WEBHOOK_URL is not a valid URL (its value is not shown); ${ALLOWED_URLS}`,
      'PAGERDUTY_ROUTING_KEY has only 9 bytes (its value is not shown); allowed: at least 32 bytes',
      `PAGERDUTY_URL is "http://pager.example/"; ${ALLOWED_URLS}`,
      'WEB_PUSH_VAPID_PUBLIC_KEY is "short"; allowed: 65 bytes in base64url',
      'WEB_PUSH_VAPID_PRIVATE_KEY has the wrong format (its value is not shown); allowed: 32 bytes in base64url',
      'WEB_PUSH_VAPID_SUBJECT is "ops@dispatch.example"; allowed: a mailto: or https: address',
    ]);
  });

  it('of web push are all set or none', () => {
    expect(problemsOf({ ...NEEDED, WEB_PUSH_VAPID_PUBLIC_KEY: PUBLIC })).toEqual([
      `WEB_PUSH_VAPID_PRIVATE_KEY and WEB_PUSH_VAPID_SUBJECT are not set; ${ALL_OR_NONE}`,
    ]);
    expect(
      problemsOf({ ...NEEDED, WEB_PUSH_VAPID_PUBLIC_KEY: PUBLIC, WEB_PUSH_VAPID_PRIVATE_KEY: PRIVATE }),
    ).toEqual([`WEB_PUSH_VAPID_SUBJECT is not set; ${ALL_OR_NONE}`]);
  });
});

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}
