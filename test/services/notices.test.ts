/**
 * Notices through the real outbox: tried again, in order, given up in time, and never in the way of dispatch
 * or of one another.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { register } from 'prom-client';
import { v7 as newId } from 'uuid';
import { enqueue } from '../../adapters/postgres/outbox';
import { createPagerDutyNotifier } from '../../adapters/notify/pagerDutyNotifier';
import { createRelay, type Relay } from '../../adapters/postgres/relay';
import { createSlackNotifier } from '../../adapters/notify/slackNotifier';
import { createNoticeChannels, type NoticeChannels } from '../../services/noticeChannels';
import { createNotices, NOTICE_TIMEOUT_MS, NoticeRefused, type Notifiers } from '../../services/notices';
import { createMessageHandler } from '../../services/outbox/outboxMessages';
import type { Dispatcher, Notifier } from '../../services/ports';
import type { Message } from '../../domain/notices/message';
import type { Notice } from '../../domain/notices/notice';
import { type FreshDatabase, freshDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { type Receiver, startReceiver } from '../support/receiver';

let database: FreshDatabase;
let chat: Receiver;
let pager: Receiver;
const relays: Relay[] = [];
beforeAll(async () => {
  [database, chat, pager] = await Promise.all([
    freshDatabase({ poolSize: 10 }),
    startReceiver(),
    startReceiver(),
  ]);
});
afterEach(async () => {
  [chat, pager].forEach((receiver) => receiver.reset());
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await database.db.outboxMessage.deleteMany();
});
afterAll(() => Promise.all([database.close(), chat.close(), pager.close()]));

const MAX_AGE_MS = 3_600_000;
/** Short, so that a receiver that hangs is given up soon; long enough to see that nobody waits for it. */
const TIMEOUT_MS = 1_000;

const notice = (title: string, change: Partial<Notice> = {}): Message => ({
  kind: 'notify',
  notice: {
    to: { kind: 'support' },
    about: title,
    what: 'open',
    severity: 'warning',
    title,
    text: '',
    link: null,
    cityId: 'testville',
    facts: {},
    at: Date.now(),
    ...change,
  },
});
const page = (title: string, change: Partial<Notice> = {}): Message =>
  notice(title, { to: { kind: 'pager' }, ...change });
const push = (title: string, change: Partial<Notice> = {}): Message =>
  notice(title, { to: { kind: 'driver', driverId: newId() }, ...change });
const put = (...messages: Message[]): Promise<void> =>
  enqueue(database.db, 'delivery', 'correlation', messages);
const unsent = (): Promise<number> => database.db.outboxMessage.count({ where: { sentAt: null } });
const allSent = (): Promise<true> => eventually('all is sent', async () => (await unsent()) === 0);
/** As if so much time had passed. */
const timePasses = (ms: number): Promise<unknown> =>
  database.db.$executeRaw`
    UPDATE outbox SET next_at = next_at - ${ms} * interval '1 millisecond',
      created_at = created_at - ${ms} * interval '1 millisecond'
    WHERE sent_at IS NULL`;

const nobody: Notifier = { channel: 'web_push', notify: async () => 'not_needed' };
const chatTexts = (): string[] => chat.bodies().map((body) => (body as { text: string }).text);
const pagerKeys = (): string[] =>
  pager
    .bodies()
    .map((body) => body as { event_action: string; dedup_key: string })
    .map(({ event_action, dedup_key }) => `${event_action} ${dedup_key}`);

/** A relay with real channels, and a dispatch that only writes down. `ahead`: how far its clock is ahead. */
function relay(
  more: Partial<Notifiers> = {},
  ahead = { ms: 0 },
): { relay: Relay; heard: string[]; warnings: string[]; errors: string[]; channels: NoticeChannels } {
  const [heard, warnings, errors]: [string[], string[], string[]] = [[], [], []];
  const hear = (name: string) => async (): Promise<void> => void heard.push(name);
  const dispatcher: Dispatcher = {
    startDelivery: hear('startDelivery'),
    signalDriverLeft: hear('driverLeft'),
    signalDriverRescued: hear('driverRescued'),
    sendCommand: async () => null,
    signalOfferWithdrawn: hear('offerWithdrawn'),
    wake: hear('wake'),
    propose: hear('propose'),
    callRound: hear('callRound'),
    endAvailabilityLater: hear('endLater'),
  };
  const log = {
    info: () => {},
    warn: (fields: object, text: string) => void warnings.push(text),
    error: (_fields: object, text: string) => void errors.push(text),
  };
  const notifiers: Notifiers = {
    support: createSlackNotifier({ url: chat.url, publicUrl: null, timeoutMs: TIMEOUT_MS }),
    pager: createPagerDutyNotifier({
      url: pager.url,
      routingKey: 'key',
      publicUrl: null,
      timeoutMs: TIMEOUT_MS,
    }),
    driver: nobody,
    ...more,
  };
  const clock = (): number => Date.now() + ahead.ms;
  const channels = createNoticeChannels(clock, log);
  const notify = createNotices({ notifiers, clock, maxAgeMs: MAX_AGE_MS, log, channels });
  const made = createRelay(
    database.postgres,
    createMessageHandler({
      dispatcher,
      emitter: { emit: hear('emit') },
      syncDriver: hear('syncDriver'),
      releaseDriver: hear('letGo'),
      merchantSuspended: hear('merchantSuspended'),
      zoneAct: hear('zoneAct'),
      driverFree: hear('driverFree'),
      notify,
    }),
    log,
  );
  relays.push(made);
  return { relay: made, heard, warnings, errors, channels };
}

async function counted(metric: string, labels: Record<string, string>): Promise<number> {
  const found = await register.getSingleMetric(metric)?.get();
  return (
    found?.values
      .filter((value) =>
        Object.entries(labels).every(([name, label]) => Reflect.get(value.labels, name) === label),
      )
      .reduce((sum, { value }) => sum + value, 0) ?? 0
  );
}

describe('a notice', () => {
  test('that failed is retried until it succeeds, and each attempt is counted', async () => {
    const failed = await counted('notifications_total', { channel: 'slack', result: 'failed' });
    chat.answer({ status: 500 }, { status: 503 });
    const { relay: own, warnings } = relay();
    await put(notice('a'));
    own.start();
    await allSent();
    expect(chatTexts()).toEqual(['Warning: a', 'Warning: a', 'Warning: a']);
    expect(warnings).toHaveLength(2);
    expect(await counted('notifications_total', { channel: 'slack', result: 'failed' })).toBe(failed + 2);
  });

  test('without an answer is sent again after the time-out', async () => {
    chat.answer('hang');
    const { relay: own } = relay();
    await put(notice('a'));
    own.start();
    await allSent();
    expect(chatTexts()).toEqual(['Warning: a', 'Warning: a']);
    expect(await database.db.outboxMessage.findFirst()).toMatchObject({ attempts: 2 });
  });

  test('that is refused is logged and dropped, and the next one is sent', async () => {
    const refused = await counted('notifications_total', { channel: 'slack', result: 'refused' });
    chat.answer({ status: 404 });
    const { relay: own, errors } = relay();
    await put(notice('a'), notice('b', { about: 'a' }));
    own.start();
    await allSent();
    expect(chatTexts()).toEqual(['Warning: a', 'Warning: b']);
    expect(errors).toEqual(['notice refused by the channel; it is not retried']);
    expect(await counted('notifications_total', { channel: 'slack', result: 'refused' })).toBe(refused + 1);
  });

  test('that could not be sent for an hour is dropped, counted and logged', async () => {
    const before = await counted('notifications_given_up_total', { channel: 'pagerduty' });
    pager.answerAlways({ status: 500 });
    const ahead = { ms: 0 };
    const { relay: own, errors } = relay({}, ahead);
    await put(page('old'));
    own.start();
    await eventually('it was tried', async () => pager.received.length > 0);
    ahead.ms = MAX_AGE_MS + 60_000;
    await timePasses(60_000);
    await allSent();
    expect(errors).toEqual(['notice dropped: it could not be sent in time']);
    expect(await counted('notifications_given_up_total', { channel: 'pagerduty' })).toBe(before + 1);
  });

  test('that resolves an incident is retried for a day: otherwise the incident stays open', async () => {
    const ahead = { ms: 23 * 3_600_000 };
    const { relay: own, errors } = relay({}, ahead);
    await put(
      page('gone', { about: 'zone/7' }),
      page('over', { about: 'zone/7', what: 'resolved' }),
      notice('over too', { what: 'resolved' }),
      push('stale', { what: 'resolved' }),
    );
    await timePasses(60_000);
    own.start();
    await allSent();
    expect(pagerKeys()).toEqual(['resolve zone/7']);
    expect(chatTexts()).toEqual(['Resolved: over too']);
    expect(errors).toHaveLength(2);
    await put(page('for nobody', { about: 'zone/7', what: 'resolved' }));
    ahead.ms = 24 * 3_600_000 + 60_000;
    await allSent();
    expect(pager.received).toHaveLength(1);
    expect(errors).toHaveLength(3);
  });

  test('that resolves an incident never precedes the one that opens it', async () => {
    pager.answer({ status: 500 });
    const [one, other] = [relay(), relay()];
    await put(
      page('down', { about: 'zone/7' }),
      page('up', { about: 'zone/7', what: 'resolved' }),
      page('else'),
    );
    [one, other].forEach((each) => each.relay.start());
    await allSent();
    expect(
      pagerKeys()
        .filter((key) => key.endsWith('zone/7'))
        .slice(-2),
    ).toEqual(['trigger zone/7', 'resolve zone/7']);
    expect(pagerKeys().filter((key) => key.startsWith('resolve'))).toHaveLength(1);
  });

  test('to one addressee is independent of other addressees', async () => {
    chat.answerAlways({ status: 500 });
    const { relay: own } = relay();
    await put(notice('both', { about: 'matter' }), page('both', { about: 'matter' }));
    own.start();
    await eventually('the pager heard', async () => pager.received.length === 1);
    await eventually('only what the chat was to hear is left', async () => (await unsent()) === 1);
  });

  test('to a driver waits until an open app can confirm the offer', async () => {
    const told: string[] = [];
    const { relay: own } = relay({
      driver: {
        channel: 'web_push',
        notify: async ({ title }) => {
          told.push(title);
          return 'sent';
        },
      },
    });
    await put(push('early'), notice('now'));
    own.start();
    await eventually('the chat heard', async () => chat.received.length === 1);
    expect(told).toEqual([]);
    await timePasses(1_500);
    await allSent();
    expect(told).toEqual(['early']);
  });
});

describe('a channel that refuses', () => {
  const second = (): Notifier =>
    createSlackNotifier({ url: chat.url, publicUrl: null, timeoutMs: TIMEOUT_MS, channel: 'fallback' });
  const pagerWithSecond = (): Notifier =>
    createPagerDutyNotifier({
      url: pager.url,
      routingKey: 'revoked',
      publicUrl: null,
      timeoutMs: TIMEOUT_MS,
      second: second(),
    });
  const refuses = (channel: string): Promise<number> => counted('notification_channel_refuses', { channel });

  test('hands its notices to the second one, and is shown as refusing until it takes one', async () => {
    pager.answerAlways({ status: 403 });
    const { relay: own, channels } = relay({ pager: pagerWithSecond() });
    await put(
      page('nobody', { about: 'delivery/1' }),
      page('over', { about: 'delivery/1', what: 'resolved' }),
    );
    own.start();
    await allSent();
    expect(chatTexts()).toEqual(['Warning: Not by pagerduty: nobody', 'Resolved: Not by pagerduty: over']);
    expect(channels.refusing()).toEqual([
      { channel: 'pagerduty', since: expect.any(Number), reason: 'PagerDuty: HTTP 403' },
    ]);
    expect(await refuses('pagerduty')).toBe(1);
    pager.answerAlways({ status: 202 });
    await put(page('again', { about: 'delivery/2' }));
    await eventually('it takes notices again', async () => channels.refusing().length === 0);
    expect(await refuses('pagerduty')).toBe(0);
  });

  test('is tried again with its second one where both fail, and nothing is lost', async () => {
    pager.answerAlways({ status: 403 });
    chat.answer({ status: 500 });
    const { relay: own } = relay({ pager: pagerWithSecond() });
    await put(page('a'));
    own.start();
    await allSent();
    expect(chatTexts()).toEqual(['Warning: Not by pagerduty: a', 'Warning: Not by pagerduty: a']);
  });

  test('hands nothing on for a short failure; after a minute once, while it is tried again', async () => {
    pager.answerAlways({ status: 503 });
    const ahead = { ms: 0 };
    const { relay: own } = relay({ pager: pagerWithSecond() }, ahead);
    await put(page('slow'));
    own.start();
    await eventually('it was tried', async () => pager.received.length > 0);
    expect(chat.received).toHaveLength(0);
    ahead.ms = 61_000;
    for (const tries of [1, 2, 3]) {
      const before = pager.received.length;
      await timePasses(60_000);
      await eventually(`try ${tries}`, async () => pager.received.length > before);
    }
    await eventually('the chat heard', async () => chat.received.length > 0);
    expect(chatTexts()).toEqual(['Warning: Not by pagerduty: slow']);
    pager.answerAlways({ status: 202 });
    await timePasses(60_000);
    await allSent();
    expect(pagerKeys().at(-1)).toBe('trigger slow');
    expect(chat.received).toHaveLength(1);
  });

  test('and has no second one is told to support, once', async () => {
    const refusing: Notifier = {
      channel: 'web_push',
      notify: async () => {
        throw new NoticeRefused('Web push: HTTP 403');
      },
    };
    const { relay: own, channels } = relay({ driver: refusing });
    await put(push('a'), push('b'));
    await timePasses(1_500);
    own.start();
    await allSent();
    expect(chatTexts()).toEqual(['Error: web_push refuses notices: Web push: HTTP 403']);
    expect(channels.refusing()).toHaveLength(1);
  });

  test('one notice only does not count as refusing', async () => {
    const picky: Notifier = {
      channel: 'web_push',
      notify: async () => {
        throw new NoticeRefused('Web push: HTTP 413', false);
      },
    };
    const { relay: own, channels } = relay({ driver: picky });
    await put(push('a'));
    await timePasses(1_500);
    own.start();
    await allSent();
    expect([channels.refusing(), chat.received]).toEqual([[], []]);
  });
});

describe('a rate-limited channel', () => {
  test('gets no calls for the requested time, whatever else is due', async () => {
    chat.answer({ status: 429, headers: { 'retry-after': '30' } });
    const ahead = { ms: 0 };
    const { relay: own } = relay({}, ahead);
    await put(notice('a'));
    own.start();
    await eventually(
      'it was put off',
      async () => (await database.db.outboxMessage.findFirst())?.lastError === 'Slack: HTTP 429',
    );
    await put(notice('b'), page('c'));
    await eventually(
      'the next one was put off too',
      async () => (await database.db.outboxMessage.count({ where: { lastError: { not: null } } })) === 2,
    );
    const [{ waits } = { waits: 0 }] = await database.db.$queryRaw<{ waits: number }[]>`
      SELECT min(extract(epoch FROM next_at - now()))::float8 AS waits FROM outbox
      WHERE sent_at IS NULL AND key LIKE 'support/%'`;
    expect(waits).toBeGreaterThan(20);
    await eventually('the pager heard', async () => pager.received.length === 1);
    expect(chat.received).toHaveLength(1);
    ahead.ms = 30_001;
    await timePasses(31_000);
    await allSent();
    expect(chatTexts().sort()).toEqual(['Warning: a', 'Warning: a', 'Warning: b']);
  });
});

describe('a channel that hangs', () => {
  const hanging = (): Notifier =>
    createSlackNotifier({ url: chat.url, publicUrl: null, timeoutMs: NOTICE_TIMEOUT_MS });

  test('delays no event, no workflow, no page and no push', async () => {
    chat.answerAlways('hang');
    const told: string[] = [];
    const { relay: own, heard } = relay({
      support: hanging(),
      driver: {
        channel: 'web_push',
        notify: async ({ title }) => {
          told.push(title);
          return 'sent';
        },
      },
    });
    await put(...Array.from({ length: 200 }, (_, index) => notice(`stuck ${index}`)));
    own.start();
    await eventually('the chat hangs', async () => chat.received.length === 5);
    const startedAt = Date.now();
    await put(
      {
        kind: 'emit',
        emits: [{ rooms: ['r'], event: 'DELIVERY_ASSIGNED', body: { deliveryId: 'd', driverId: 'e' } }],
      },
      { kind: 'startDelivery', deliveryId: 'd' },
      page('urgent'),
      push('offer'),
    );
    own.notify();
    await eventually('dispatch goes on', async () => heard.length === 2);
    const dispatchedMs = Date.now() - startedAt;
    await eventually('the page is out', async () => pager.received.length === 1);
    const pagedMs = Date.now() - startedAt;
    await timePasses(1_500);
    await eventually('the push is out', async () => told.length === 1);
    expect(heard.sort()).toEqual(['emit', 'startDelivery']);
    expect(dispatchedMs).toBeLessThan(NOTICE_TIMEOUT_MS / 2);
    expect(pagedMs).toBeLessThan(NOTICE_TIMEOUT_MS / 2);
    expect(chat.received.length).toBeLessThanOrEqual(10); // five at once, not two hundred
  });

  test('for one driver delays no other', async () => {
    const told: string[] = [];
    let release = (): void => {};
    const stuck = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { relay: own } = relay({
      driver: {
        channel: 'web_push',
        notify: async ({ title }) => {
          if (title === 'stuck') await stuck;
          told.push(title);
          return 'sent';
        },
      },
    });
    await put(push('stuck'), push('free'));
    await timePasses(1_500);
    own.start();
    await eventually('the other one is told', async () => told.includes('free'));
    await put(push('later'));
    await timePasses(1_500);
    await eventually('so is one who comes later', async () => told.includes('later'));
    expect(told).toEqual(['free', 'later']);
    release();
    await allSent();
  });

  test('is awaited by a stopping relay, so that taken messages are marked', async () => {
    let release = (): void => {};
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isAsked = false;
    const { relay: own } = relay({
      support: {
        channel: 'slack',
        notify: async () => {
          isAsked = true;
          await slow;
          return 'sent';
        },
      },
    });
    await put(notice('slow'));
    own.start();
    await eventually('it is under way', async () => isAsked);
    const stopped = own.stop();
    release();
    await stopped;
    expect(await unsent()).toBe(0);
  });
});
