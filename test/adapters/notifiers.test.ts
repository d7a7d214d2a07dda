/** Each channel against a local receiver: the exact requests, and the effect of each response. */
import { createPublicKey, verify } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { generateVAPIDKeys } from 'web-push';
import { createLogNotifier } from '../../adapters/notify/logNotifier';
import { createNotifiers } from '../../adapters/notify/notifiers';
import { createPagerDutyNotifier } from '../../adapters/notify/pagerDutyNotifier';
import { isPublicAddress, publicLookup } from '../../adapters/notify/publicLookup';
import { createSlackNotifier } from '../../adapters/notify/slackNotifier';
import { createWebPushNotifier, type WebPushDeps } from '../../adapters/notify/webPushNotifier';
import { NoticeRefused } from '../../services/notices';
import { NotBefore } from '../../services/outbox/sending';
import type { Log, Notifier } from '../../services/ports';
import type { Notice } from '../../domain/notices/notice';
import { createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';
import { newBrowser } from '../support/pushedPayload';
import { type Receiver, startReceiver } from '../support/receiver';

let receiver: Receiver;
let world: DispatchWorld;
beforeAll(async () => {
  [receiver, world] = await Promise.all([startReceiver(), createDispatchWorld()]);
});
afterEach(() => receiver.reset());
afterAll(() => Promise.all([receiver.close(), world.close()]));

const AT = Date.UTC(2026, 10, 23, 9, 30);
const notice = (change: Partial<Notice> = {}): Notice => ({
  to: { kind: 'support' },
  about: 'delivery/42',
  what: 'open',
  severity: 'warning',
  title: 'No driver for order 42',
  text: 'Unassigned for 15 minutes.',
  link: '/ops/deliveries/42',
  cityId: 'testville',
  facts: { level: 2, deliveryId: '42', zoneId: null },
  at: AT,
  ...change,
});

describe('Slack', () => {
  const slack = (more: object = {}): Notifier =>
    createSlackNotifier({
      url: `${receiver.url}/services/secret`,
      publicUrl: 'https://dispatch.example',
      ...more,
    });

  test('receives text and blocks with a link', async () => {
    expect(await slack().notify(notice())).toBe('sent');
    expect(receiver.received).toEqual([
      expect.objectContaining({
        method: 'POST',
        path: '/services/secret',
        headers: expect.objectContaining({ 'content-type': 'application/json' }),
      }),
    ]);
    expect(receiver.bodies()).toEqual([
      {
        text: 'Warning: No driver for order 42',
        blocks: [
          {
            type: 'section',
            text: {
              type: 'mrkdwn',
              verbatim: true,
              text: [
                '*Warning: No driver for order 42*',
                'Unassigned for 15 minutes.',
                '<https://dispatch.example/ops/deliveries/42|Open>',
              ].join('\n'),
            },
          },
          {
            type: 'context',
            elements: [
              { type: 'mrkdwn', verbatim: true, text: 'city: testville | level: 2 | deliveryId: 42' },
            ],
          },
        ],
      },
    ]);
  });

  test('receives the resolution, without a link where there is none', async () => {
    await slack().notify(notice({ what: 'resolved', link: null, facts: {}, text: '' }));
    expect(receiver.bodies()).toEqual([
      {
        text: 'Resolved: No driver for order 42',
        blocks: [
          {
            type: 'section',
            text: { type: 'mrkdwn', verbatim: true, text: '*Resolved: No driver for order 42*' },
          },
          { type: 'context', elements: [{ type: 'mrkdwn', verbatim: true, text: 'city: testville' }] },
        ],
      },
    ]);
  });

  test('receives escaped markup and truncated text', async () => {
    await slack({ publicUrl: null }).notify(
      notice({ title: '<!channel> A & B', text: `<@U1> ${'x'.repeat(5_000)}`, facts: { why: '<a>' } }),
    );
    const [body] = receiver.bodies() as [
      { text: string; blocks: [{ text: { text: string } }, { elements: [{ text: string }] }] },
    ];
    expect(body.text).toBe('Warning: &lt;!channel&gt; A &amp; B');
    expect(body.blocks[0].text.text).toMatch(
      /^\*Warning: &lt;!channel&gt; A &amp; B\*\n&lt;@U1&gt; x+\n\/ops\/deliveries\/42$/,
    );
    expect(body.blocks[0].text.text.length).toBeLessThanOrEqual(3_000);
    expect(body.blocks[1].elements[0].text).toBe('city: testville | why: &lt;a&gt;');
  });

  test('receives whole characters only, since half a surrogate pair would be refused', async () => {
    for (const title of [`${'x'.repeat(299)}😀`, `${'x'.repeat(298)}<!channel>`])
      await slack().notify(notice({ title }));
    const texts = (receiver.bodies() as { text: string }[]).map(({ text }) => text);
    expect(texts).toEqual([`Warning: ${'x'.repeat(299)}`, `Warning: ${'x'.repeat(298)}`]);
  });
});

describe('PagerDuty', () => {
  const pagerDuty = (more: object = {}): Notifier =>
    createPagerDutyNotifier({
      url: `${receiver.url}/v2/enqueue`,
      routingKey: 'k'.repeat(32),
      publicUrl: 'https://dispatch.example',
      ...more,
    });

  test('receives an event that triggers an incident', async () => {
    receiver.answer({ status: 202 });
    expect(await pagerDuty().notify(notice({ to: { kind: 'pager' }, severity: 'critical' }))).toBe('sent');
    expect(receiver.received).toEqual([
      expect.objectContaining({
        method: 'POST',
        path: '/v2/enqueue',
        headers: expect.objectContaining({ 'content-type': 'application/json' }),
      }),
    ]);
    expect(receiver.bodies()).toEqual([
      {
        routing_key: 'k'.repeat(32),
        dedup_key: 'delivery/42',
        event_action: 'trigger',
        payload: {
          summary: 'No driver for order 42',
          source: 'driver-service',
          severity: 'critical',
          timestamp: '2026-11-23T09:30:00.000Z',
          component: 'dispatch',
          group: 'testville',
          class: 'delivery',
          custom_details: { text: 'Unassigned for 15 minutes.', level: 2, deliveryId: '42', zoneId: null },
        },
        links: [{ href: 'https://dispatch.example/ops/deliveries/42', text: 'Open' }],
      },
    ]);
  });

  test('receives an event that resolves it, with the same key', async () => {
    await pagerDuty().notify(notice({ to: { kind: 'pager' }, what: 'resolved' }));
    expect(receiver.bodies()).toEqual([
      { routing_key: 'k'.repeat(32), dedup_key: 'delivery/42', event_action: 'resolve' },
    ]);
  });

  test('receives each repeat as an alert of its own, and then the end of the one before', async () => {
    const at = '2026-11-23T09:40:00.000Z';
    const endsAlerts = ['delivery/42', 'delivery/42/2026-11-23T09:30:00.000Z'];
    const page = notice({ to: { kind: 'pager' }, alert: `delivery/42/${at}`, endsAlerts });
    await pagerDuty().notify(page);
    const [first, ...ends] = receiver.bodies() as { event_action: string; dedup_key: string }[];
    expect(first).toMatchObject({ event_action: 'trigger', dedup_key: `delivery/42/${at}` });
    expect(ends.map(({ event_action, dedup_key }) => `${event_action} ${dedup_key}`).sort()).toEqual(
      endsAlerts.map((each) => `resolve ${each}`),
    );
  });

  test('keeps the alert before where the repeat did not open', async () => {
    receiver.answer({ status: 500 });
    const page = notice({ to: { kind: 'pager' }, alert: 'delivery/42/later', endsAlerts: ['delivery/42'] });
    await expect(pagerDuty().notify(page)).rejects.toThrow('HTTP 500');
    expect(receiver.received).toHaveLength(1);
  });

  test('receives the end of every alert that may be open', async () => {
    const endsAlerts = ['delivery/42', 'delivery/42/later'];
    await pagerDuty().notify(notice({ to: { kind: 'pager' }, what: 'resolved', endsAlerts }));
    const bodies = receiver.bodies() as { event_action: string; dedup_key: string }[];
    expect(bodies.map(({ event_action }) => event_action)).toEqual(['resolve', 'resolve']);
    expect(bodies.map(({ dedup_key }) => dedup_key).sort()).toEqual(endsAlerts);
  });

  test('receives the bare path where no base address is set', async () => {
    await pagerDuty({ publicUrl: null }).notify(notice({ to: { kind: 'pager' } }));
    expect(receiver.bodies()).toEqual([
      expect.objectContaining({
        links: [],
        payload: expect.objectContaining({
          custom_details: expect.objectContaining({ link: '/ops/deliveries/42' }),
        }),
      }),
    ]);
  });
});

describe('a response', () => {
  const slack = (timeoutMs?: number): Notifier =>
    createSlackNotifier({ url: `${receiver.url}/services/secret`, publicUrl: null, timeoutMs });
  const failure = async (notifier: Notifier): Promise<Error> => {
    try {
      await notifier.notify(notice());
    } catch (error) {
      if (error instanceof Error) return error;
    }
    throw new Error('it was taken');
  };

  test.each([400, 401, 403, 404, 410, 301, 302])('%i is not retried', async (status) => {
    receiver.answer({ status, headers: { location: `${receiver.url}/elsewhere` } });
    expect(await failure(slack())).toBeInstanceOf(NoticeRefused);
    expect(receiver.received).toHaveLength(1);
  });

  test.each([408, 429, 500, 502, 503])('%i is retried', async (status) => {
    receiver.answer({ status });
    const error = await failure(slack());
    expect([error.name, error.message]).toEqual(['Error', `Slack: HTTP ${status}`]);
  });

  test('with Retry-After delays the retry', async () => {
    receiver.answer(
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 503, headers: { 'retry-after': '999999' } },
      { status: 429, headers: { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' } },
    );
    expect(await failure(slack())).toMatchObject({ name: 'NotBefore', delayMs: 7_000 });
    expect(await failure(slack())).toMatchObject({ delayMs: 600_000 });
    expect(await failure(slack())).not.toBeInstanceOf(NotBefore);
  });

  test('that never arrives times out without revealing a secret', async () => {
    receiver.answer('hang');
    expect(String(await failure(slack(100)))).toBe('Error: Slack: TimeoutError');
  });

  test('from an unreachable host reveals no secret', async () => {
    const notifier = createPagerDutyNotifier({
      url: 'http://127.0.0.1:1/secret',
      routingKey: 'secret',
      publicUrl: null,
    });
    expect(String((await failure(notifier)).stack)).toMatch(/^Error: PagerDuty: [A-Za-z_]+\n(?!.*secret)/s);
  });
});

describe('web push', () => {
  const vapid = { ...generateVAPIDKeys(), subject: 'mailto:ops@dispatch.example' };
  const lines: object[] = [];
  const log: Log = {
    info: (fields) => void lines.push(fields),
    warn: (fields) => void lines.push(fields),
    error: (fields) => void lines.push(fields),
  };
  const webPush = (more: Partial<WebPushDeps> = {}): Notifier =>
    createWebPushNotifier({
      db: world.db,
      vapid,
      publicUrl: 'https://app.example',
      allowLocal: true,
      clock: Date.now,
      log,
      ...more,
    });

  async function subscribed(
    endpoints = [`${receiver.url}/push/${newId()}`],
  ): Promise<{ driverId: string; browsers: ReturnType<typeof newBrowser>[]; left: () => Promise<string[]> }> {
    const driverId = await world.addDriver();
    const browsers = endpoints.map(() => newBrowser());
    await world.db.pushSubscription.createMany({
      data: endpoints.map((endpoint, index) => ({
        id: newId(),
        driverId,
        endpoint,
        ...(browsers[index] ?? newBrowser()).keys,
      })),
    });
    return {
      driverId,
      browsers,
      left: async () =>
        (await world.db.pushSubscription.findMany({ where: { driverId } })).map(({ endpoint }) => endpoint),
    };
  }

  async function offered(
    driverId: string,
    change: { state?: string; reachedAt?: Date; expiresAt?: Date } = {},
  ): Promise<string> {
    const [offerId, { deliveryId }] = [newId(), await world.addDelivery()];
    await world.db.offer.create({
      data: {
        id: offerId,
        deliveryId,
        driverId,
        round: 0,
        payCents: 700,
        payload: {},
        choice: {},
        createdAt: new Date(Date.now() - 60_000),
        expiresAt: new Date(Date.now() + 30_000),
        ...change,
        ...(change.state === undefined ? {} : { endedAt: new Date(), endReason: 'CANCELLED' }),
      },
    });
    return offerId;
  }

  const aboutOffer = (driverId: string, offerId: string): Notice =>
    notice({
      to: { kind: 'driver', driverId },
      about: `offer/${offerId}`,
      title: 'New delivery',
      text: '€7.00, 1.7 km',
      link: `/offers/${offerId}`,
      facts: { offerId },
    });

  test('reaches the browser, which alone can decrypt it', async () => {
    const {
      driverId,
      browsers: [browser],
    } = await subscribed();
    const offerId = await offered(driverId);
    receiver.answer({ status: 201 });
    expect(await webPush().notify(aboutOffer(driverId, offerId))).toBe('sent');
    const [request] = receiver.received;
    if (!request || !browser) throw new Error('nothing came');
    expect(request).toMatchObject({
      method: 'POST',
      headers: {
        'content-encoding': 'aes128gcm',
        'content-type': 'application/octet-stream',
        urgency: 'high',
        topic: offerId.replaceAll('-', ''),
        authorization: expect.stringMatching(/^vapid t=[\w.-]+, k=[\w-]+$/),
      },
    });
    expect(Number(request.headers.ttl)).toBeGreaterThanOrEqual(25);
    expect(Number(request.headers.ttl)).toBeLessThanOrEqual(30);
    expect(request.body.toString('latin1')).not.toContain('delivery');
    expect(browser.read(request.body)).toBe(
      JSON.stringify({
        title: 'New delivery',
        body: '€7.00, 1.7 km',
        url: `https://app.example/offers/${offerId}`,
        offerId,
      }),
    );
  });

  test('is signed by the service for that push service only', async () => {
    const { driverId } = await subscribed();
    await webPush().notify(aboutOffer(driverId, await offered(driverId)));
    const [, header = '', claims = '', signature = ''] =
      /t=([\w-]+)\.([\w-]+)\.([\w-]+)/.exec(receiver.received[0]?.headers.authorization ?? '') ?? [];
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      aud: receiver.url,
      sub: vapid.subject,
    });
    const point = Buffer.from(vapid.publicKey, 'base64url');
    const key = createPublicKey({
      format: 'jwk',
      key: {
        kty: 'EC',
        crv: 'P-256',
        x: point.subarray(1, 33).toString('base64url'),
        y: point.subarray(33).toString('base64url'),
      },
    });
    expect(
      verify(
        'sha256',
        Buffer.from(`${header}.${claims}`),
        { key, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      ),
    ).toBe(true);
  });

  test('goes to every app of the driver and to no other driver', async () => {
    const { driverId } = await subscribed([`${receiver.url}/phone`, `${receiver.url}/tablet`]);
    await subscribed();
    await webPush().notify(aboutOffer(driverId, await offered(driverId)));
    expect(receiver.received.map(({ path }) => path).sort()).toEqual(['/phone', '/tablet']);
  });

  test('without an offer has a TTL of an hour, and the bare path where no base address is set', async () => {
    const {
      driverId,
      browsers: [browser],
    } = await subscribed();
    await webPush({ publicUrl: null }).notify(
      notice({ to: { kind: 'driver', driverId }, link: '/deliveries/42' }),
    );
    const [request] = receiver.received;
    expect([request?.headers.ttl, request?.headers.topic]).toEqual(['3600', undefined]);
    expect(browser?.read(request?.body ?? Buffer.alloc(0))).toBe(
      JSON.stringify({
        title: 'No driver for order 42',
        body: 'Unassigned for 15 minutes.',
        url: '/deliveries/42',
      }),
    );
  });

  test.each([
    ['was seen in the app', { reachedAt: new Date() }],
    ['was withdrawn', { state: 'WITHDRAWN' }],
    ['is over', { expiresAt: new Date(Date.now() - 1) }],
  ])('is not sent for an offer that %s', async (_what, change) => {
    const { driverId } = await subscribed();
    expect(await webPush().notify(aboutOffer(driverId, await offered(driverId, change)))).toBe('not_needed');
    expect(receiver.received).toEqual([]);
  });

  test('is not sent for another driver’s offer or without a subscription', async () => {
    const [{ driverId }, other] = [await subscribed(), await world.addDriver()];
    expect(await webPush().notify(aboutOffer(driverId, await offered(other)))).toBe('not_needed');
    expect(await webPush().notify(aboutOffer(other, await offered(await world.addDriver())))).toBe(
      'not_needed',
    );
    expect(receiver.received).toEqual([]);
  });

  test.each([404, 410])('removes a subscription on %i and keeps the others', async (status) => {
    const { driverId, left } = await subscribed([`${receiver.url}/gone-${status}`]);
    receiver.answer({ status });
    expect(await webPush().notify(aboutOffer(driverId, await offered(driverId)))).toBe('not_needed');
    expect(await left()).toEqual([]);
    expect(lines).toContainEqual(expect.objectContaining({ why: `HTTP ${status}` }));
  });

  test('keeps a subscription on a server error and retries', async () => {
    const { driverId, left } = await subscribed([`${receiver.url}/troubled-a`, `${receiver.url}/troubled-b`]);
    receiver.answer({ status: 201 }, { status: 500 });
    await expect(webPush().notify(aboutOffer(driverId, await offered(driverId)))).rejects.toThrow(
      'Web push: HTTP 500',
    );
    receiver.answer({ status: 201 }, { status: 413 });
    // one app heard it
    expect(await webPush().notify(aboutOffer(driverId, await offered(await freed(driverId))))).toBe('sent');
    receiver.answer({ status: 413 }, { status: 413 });
    await expect(
      webPush().notify(aboutOffer(driverId, await offered(await freed(driverId)))),
    ).rejects.toThrow(NoticeRefused);
    receiver.answerAlways('hang');
    await expect(
      webPush({ timeoutMs: 100 }).notify(aboutOffer(driverId, await offered(await freed(driverId)))),
    ).rejects.toThrow('Web push: ');
    expect(await left()).toHaveLength(2);
  });

  test('never calls a private address, even behind a host name', async () => {
    const { driverId, left } = await subscribed([`${receiver.url}/local`]);
    const offerId = await offered(driverId);
    await webPush({ allowLocal: false }).notify(aboutOffer(driverId, offerId));
    expect([receiver.received, await left()]).toEqual([[], []]);
    const hidden = await subscribed(['https://push.service.com/hidden']);
    const asked: string[] = [];
    const lookup: WebPushDeps['lookup'] = (hostname, _options, callback) => {
      asked.push(hostname);
      callback(Object.assign(new Error('private'), { code: 'ENOTPUBLIC' }), '');
    };
    await expect(
      webPush({ lookup }).notify(aboutOffer(hidden.driverId, await offered(hidden.driverId))),
    ).rejects.toThrow(NoticeRefused);
    expect(asked).toEqual(['push.service.com']);
  });

  /** One live offer per driver. */
  async function freed(driverId: string): Promise<string> {
    await world.db.offer.updateMany({
      where: { driverId, state: 'LIVE' },
      data: { state: 'WITHDRAWN', endedAt: new Date(), endReason: 'CANCELLED' },
    });
    return driverId;
  }
});

describe('addresses', () => {
  test.each(['8.8.8.8', '93.184.216.34', '2606:4700:4700::1111', '2a00:1450:4001::1'])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.8.8.8',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::a00:1',
    'fc00::1',
    'fd12::1',
    'fe80::1',
    'ff02::1',
    '2001:db8::1',
    '2002:a00:1::1',
    '2001::1',
    '3fff::1',
  ])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false));

  test('resolved from a host name are checked before the call', async () => {
    const found = (options: object) =>
      new Promise((resolve) => {
        publicLookup('localhost', options, (error, address) => resolve(error?.code ?? address));
      });
    expect(await found({ all: true })).toBe('ENOTPUBLIC');
    expect(await found({ family: 4 })).toBe('ENOTPUBLIC');
  });
});

describe('the log notifier', () => {
  const written: { level: string; fields: object; text: string }[] = [];
  const write = (level: string) => (fields: object, text: string) =>
    void written.push({ level, fields, text });
  const log: Log = { info: write('info'), warn: write('warn'), error: write('error') };
  afterEach(() => void written.splice(0));

  test('writes one line per notice where no channel is configured', async () => {
    await createLogNotifier(log, 'warn').notify(notice());
    expect(written).toEqual([
      {
        level: 'warn',
        fields: { ...notice(), to: 'support', at: '2026-11-23T09:30:00.000Z' },
        text: 'notice to support: No driver for order 42',
      },
    ]);
  });

  test('receives what has no channel; configured channels receive the rest', async () => {
    const settings = {
      slackUrl: null,
      fallbackUrl: null,
      pagerDuty: { url: receiver.url, routingKey: null },
      webPush: null,
      allowLocalPush: true,
      publicUrl: null,
      maxAgeMs: 1,
    };
    const none = createNotifiers({ db: world.db, clock: Date.now, log, settings });
    await Promise.all([none.support.notify(notice()), none.pager.notify(notice({ to: { kind: 'pager' } }))]);
    expect(await none.driver.notify(notice({ to: { kind: 'driver', driverId: newId() } }))).toBe(
      'not_needed',
    );
    expect(written.map(({ level }) => level)).toEqual(['warn', 'error']);
    const webPush = { ...generateVAPIDKeys(), subject: 'mailto:ops@dispatch.example' };
    const all = createNotifiers({
      db: world.db,
      clock: Date.now,
      log,
      settings: {
        ...settings,
        fallbackUrl: null,
        slackUrl: receiver.url,
        pagerDuty: { url: receiver.url, routingKey: 'k' },
        webPush,
      },
    });
    expect([all.support.channel, all.pager.channel, all.driver.channel]).toEqual([
      'slack',
      'pagerduty',
      'web_push',
    ]);
  });

  test.each<[string, { fallbackUrl?: string; slackUrl?: string }, string[], string[]]>([
    ['no other chat', {}, ['pagerduty', 'log'], ['log']],
    [
      'support’s chat',
      { slackUrl: 'https://chat.example/a' },
      ['pagerduty', 'slack', 'log'],
      ['slack', 'log'],
    ],
    [
      'a second chat',
      { slackUrl: 'https://chat.example/a', fallbackUrl: 'https://chat.example/b' },
      ['pagerduty', 'fallback', 'log'],
      ['slack', 'fallback', 'log'],
    ],
  ])('with %s, what a channel refuses goes on to the next', (_what, urls, pager, support) => {
    const settings = {
      slackUrl: null,
      fallbackUrl: null,
      ...urls,
      pagerDuty: { url: receiver.url, routingKey: 'k' },
      webPush: null,
      allowLocalPush: true,
      publicUrl: null,
      maxAgeMs: 1,
    };
    const notifiers = createNotifiers({ db: world.db, clock: Date.now, log, settings });
    const chain = (first?: Notifier): string[] =>
      first === undefined ? [] : [first.channel, ...chain(first.second)];
    expect([chain(notifiers.pager), chain(notifiers.support)]).toEqual([pager, support]);
  });
});
