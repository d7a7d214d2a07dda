/** Features at run time, over real PostgreSQL and Redis: two registries stand for two processes. */
import { ProviderEvents } from '@openfeature/server-sdk';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Client as PgClient } from 'pg';
import { register } from 'prom-client';
import { v7 as newId } from 'uuid';
import { createFeatureChangeChannel } from '../../adapters/redis/featureChangeChannel';
import { readFeatureRows } from '../../adapters/postgres/featureRows';
import { createFeatureClient } from '../../adapters/openfeature/featureClient';
import { createAvailability } from '../../services/availability';
import { createDeliveryActivities } from '../../activities/delivery';
import { createFeatureService, type FeatureService } from '../../services/features/featureService';
import {
  createFeatureRegistry,
  type FeatureChange,
  type FeatureRegistry,
  type FeatureRow,
  logFeatures,
} from '../../services/features/featureRegistry';
import { createPresence, switchStatesOffAtOnce } from '../../activities/sweeps/presence';
import { AVAILABILITY_LIMITS } from '../../domain/driver/availability';
import { type FeatureOverride, NO_OVERRIDE } from '../../domain/features/featureOverride';
import { environmentSetting, type FeatureName, type FeatureSetting } from '../../domain/features/rollout';
import { asOwner } from '../support/database';
import type { FreshDatabase } from '../support/database';
import { createDispatchWorld } from '../support/dispatchWorld';
import { CITY, createDriverWorld, type DriverWorld, START } from '../support/driverWorld';
import { eventually } from '../support/eventually';

const ENVIRONMENT: readonly FeatureSetting[] = [
  { feature: 'driver_offers', state: 'OFF', rolloutPercent: 0, cities: null },
  { feature: 'availability_states', state: 'ON', rolloutPercent: 100, cities: null },
  { feature: 'escalation', state: 'KILLED', rolloutPercent: 100, cities: null },
  { feature: 'auto_reassignment', state: 'ON', rolloutPercent: 100, cities: ['rtm'] },
];
const FEATURES = ENVIRONMENT.map(({ feature }) => feature);
const SUBJECT = { cityId: CITY, key: '019a0000-0000-7000-8000-000000000001' };
const BY = { who: 'olga', why: 'a test' };
/** How soon a change is known everywhere (docs/behaviour.md#features). */
const GOAL_MS = 5_000;
const NEVER_MS = 3_600_000;

let world: DriverWorld;
let owner: PgClient;
beforeAll(async () => {
  world = await createDriverWorld();
  owner = new PgClient({ connectionString: world.ownerUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await world.close();
});

const running: { stop(): Promise<void> }[] = [];
let channel: string;
beforeEach(() => {
  channel = `${world.redis.keyPrefix}features:${newId()}`;
});
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
  await asOwner(world, 'DELETE FROM feature_settings');
  await world.takeMessages();
});

type Process = {
  registry: FeatureRegistry;
  desk: FeatureService;
  lines: { level: string; text: string; fields: object }[];
};
type Options = {
  redis?: Redis;
  pollMs?: number;
  environment?: readonly FeatureSetting[];
  readRows?: () => Promise<FeatureRow[]>;
  db?: FreshDatabase['db'];
};

/**
 * One process of the service, as far as features go. With no news and no poll that the test would live to
 * see, unless it asks for them.
 */
async function newProcess({
  redis = world.redis.redis,
  pollMs = NEVER_MS,
  environment = ENVIRONMENT,
  db = world.db,
  readRows = () => readFeatureRows(db, FEATURES, 1),
}: Options = {}): Promise<Process> {
  const lines: Process['lines'] = [];
  const say =
    (level: string) =>
    (fields: object, text: string): void =>
      void lines.push({ level, text, fields });
  const log = { info: say('info'), warn: say('warn') };
  const changeChannel = createFeatureChangeChannel(redis, log, channel);
  const registry = createFeatureRegistry({
    environment,
    readRows,
    changeChannel,
    clock: Date.now,
    log,
    pollMs,
  });
  running.push(registry);
  await registry.start();
  logFeatures(registry, log);
  const desk = createFeatureService({
    db,
    registry,
    changeChannel,
    client: createFeatureClient(registry, newId()),
    clock: Date.now,
    log,
    notifyRelay: () => {},
  });
  return { registry, desk, lines };
}

/** A Redis where there is none. */
function awayRedis(): Redis {
  const redis = new Redis({
    host: '127.0.0.1',
    port: 1,
    lazyConnect: true,
    retryStrategy: () => 20,
    maxRetriesPerRequest: 0,
    disconnectTimeout: 50,
  });
  redis.on('error', () => {});
  running.push({ stop: async () => redis.disconnect() });
  return redis;
}

const put = ({ desk }: Process, feature: FeatureName, wish: Partial<FeatureOverride>) =>
  desk.put(feature, { ...NO_OVERRIDE, ...wish }, BY, 'test');
const isOn = ({ registry }: Process, feature: FeatureName, cityId = CITY) =>
  registry.isOn(feature, { ...SUBJECT, cityId });
const nextChange = ({ registry }: Process): Promise<FeatureChange> =>
  new Promise((resolve) => {
    registry.onChange(resolve);
  });
const texts = ({ lines }: Process, level: string) =>
  lines.filter((line) => line.level === level).map(({ text }) => text);
/** Until a process listens, what is told is lost to it. */
const listening = (count: number) =>
  eventually(
    `${count} processes listen`,
    async () => Number((await world.redis.redis.pubsub('NUMSUB', channel))[1]) === count,
  );

describe('a change by ops', () => {
  test('reaches another process by Redis within the goal', async () => {
    const [here, there, cutOff] = [
      await newProcess(),
      await newProcess(),
      await newProcess({ redis: awayRedis() }),
    ];
    await listening(2);
    const changed = nextChange(there);
    const beganAt = performance.now();
    await put(here, 'driver_offers', { enabled: true, percent: 100 });
    expect(await changed).toMatchObject({
      feature: 'driver_offers',
      before: { state: 'OFF' },
      now: { state: 'ON', rolloutPercent: 100 },
      by: BY,
    });
    expect(performance.now() - beganAt).toBeLessThan(GOAL_MS);
    expect([here, there, cutOff].map((process) => isOn(process, 'driver_offers'))).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('reaches other processes by polling while Redis is down, which is logged once', async () => {
    const [here, there] = [await newProcess(), await newProcess({ redis: awayRedis(), pollMs: 2_000 })];
    const changed = nextChange(there);
    const beganAt = performance.now();
    await put(here, 'availability_states', { enabled: false });
    expect(await changed).toMatchObject({ feature: 'availability_states', now: { state: 'OFF' } });
    expect(performance.now() - beganAt).toBeLessThan(GOAL_MS);
    expect(texts(there, 'warn')).toEqual([
      'feature changes cannot be received from Redis; polling every few seconds',
    ]);
  });

  test('that could not be published applies locally at once and is logged', async () => {
    const here = await newProcess({ redis: awayRedis() });
    await put(here, 'driver_offers', { enabled: true, percent: 100 });
    expect(isOn(here, 'driver_offers')).toBe(true);
    await eventually('the warning', async () =>
      texts(here, 'warn').includes(
        'a feature change could not be published; other processes find it by polling',
      ),
    );
  });

  test('made while the subscription was down is read after it reconnects', async () => {
    const name = `features-${newId()}`;
    const redis = new Redis(world.redis.url, { connectionName: name, retryStrategy: () => 50 });
    running.push({ stop: async () => void (await redis.quit()) });
    const [here, there] = [await newProcess({ redis: awayRedis() }), await newProcess({ redis })];
    await listening(1);
    await put(here, 'driver_offers', { enabled: true, percent: 100 }); // cannot be told
    expect(isOn(there, 'driver_offers')).toBe(false);
    const changed = nextChange(there);
    await killSubscribers(name);
    expect(await changed).toMatchObject({ now: { state: 'ON' } });
  });

  test('by two processes at once leaves both with the last write', async () => {
    const [one, other] = [await newProcess(), await newProcess()];
    await listening(2);
    await Promise.all([
      put(one, 'driver_offers', { percent: 10 }),
      put(other, 'driver_offers', { percent: 20 }),
      put(one, 'driver_offers', { percent: 30 }),
    ]);
    const [newest] = await readFeatureRows(world.db, ['driver_offers'], 1);
    const percentOf = ({ registry }: Process) =>
      registry.effective().find(({ feature }) => feature === 'driver_offers')?.rolloutPercent;
    await eventually(
      'both know the last',
      async () => percentOf(one) === newest?.percent && percentOf(other) === newest?.percent,
    );
  });

  test('requested twice is written once', async () => {
    const here = await newProcess();
    expect(await put(here, 'driver_offers', { percent: 10, cities: [CITY, 'rtm'] })).toMatchObject({
      outcome: 'done',
      changed: true,
    });
    expect(await put(here, 'driver_offers', { percent: 10, cities: ['rtm', CITY, CITY] })).toMatchObject({
      outcome: 'done',
      changed: false,
      report: { history: [{ ...BY, cities: [CITY, 'rtm'] }] },
    });
    expect(await put(here, 'auto_reassignment', {})).toMatchObject({
      outcome: 'done',
      changed: false,
      report: { history: [] },
    });
    expect(await world.db.featureSetting.count()).toBe(1);
    expect(await world.takeMessages()).toMatchObject([
      {
        kind: 'emit',
        emits: [
          {
            rooms: [`ops:${CITY}`, 'ops:rtm'],
            event: 'FEATURE_CHANGED',
            body: { feature: 'driver_offers', percent: 10 },
          },
        ],
      },
    ]);
  });
});

async function killSubscribers(name: string): Promise<void> {
  const { redis } = world.redis;
  const clients = String(await redis.client('LIST'))
    .split('\n')
    .filter((line) => line.includes(` name=${name} `) && !line.includes(' sub=0 '));
  expect(clients).toHaveLength(1);
  for (const line of clients) await redis.client('KILL', 'ID', Number(/id=(\d+)/.exec(line)?.[1]));
}

describe('the effective setting', () => {
  test('is read before the process starts: a feature switched off by ops is never on', async () => {
    await put(await newProcess(), 'availability_states', { enabled: false });
    expect(isOn(await newProcess(), 'availability_states')).toBe(false);
  });

  test('is waited for while PostgreSQL is down at the start', async () => {
    await put(await newProcess(), 'availability_states', { enabled: false });
    let tries = 0;
    const process = await newProcess({
      pollMs: 10,
      readRows: async () => {
        if (++tries < 3) throw new Error('away');
        return readFeatureRows(world.db, FEATURES, 1);
      },
    });
    expect(isOn(process, 'availability_states')).toBe(false);
    expect(texts(process, 'warn')).toEqual([
      'feature settings cannot be read; the last known settings apply',
    ]);
    expect(texts(process, 'info')).toContain('feature settings can be read again');
  });

  test('is the last known one while PostgreSQL is down and the new one after; each is logged once', async () => {
    const reads = { isAllowed: true, refused: 0 };
    const [here, there] = [
      await newProcess(),
      await newProcess({
        redis: awayRedis(),
        pollMs: 10,
        readRows: async () => {
          if (reads.isAllowed) return readFeatureRows(world.db, FEATURES, 1);
          reads.refused++;
          return readFeatureRows(
            {
              ...world.db,
              $queryRaw: () => world.db.$queryRawUnsafe('SELECT * FROM nowhere'),
            } as typeof world.db,
            FEATURES,
            1,
          );
        },
      }),
    ];
    await put(here, 'driver_offers', { enabled: true, percent: 100 });
    await eventually('the change', async () => isOn(there, 'driver_offers'));
    reads.isAllowed = false;
    await put(here, 'driver_offers', { enabled: false });
    await eventually('some reads failed', async () => reads.refused > 3);
    expect(isOn(there, 'driver_offers')).toBe(true);
    reads.isAllowed = true;
    await eventually('the change', async () => !isOn(there, 'driver_offers'));
    expect(texts(there, 'warn').filter((text) => text.includes('cannot be read'))).toHaveLength(1);
    expect(texts(there, 'info').filter((text) => text.includes('can be read again'))).toHaveLength(1);
  });

  test('is still read after a read that hangs', async () => {
    let reads = 0;
    const process = await newProcess({
      redis: awayRedis(),
      pollMs: 10,
      readRows: () =>
        ++reads === 2 ? new Promise<FeatureRow[]>(() => {}) : readFeatureRows(world.db, FEATURES, 1),
    });
    await eventually('it reads again', async () => reads > 3);
    expect(texts(process, 'warn').filter((text) => text.includes('cannot be read'))).toHaveLength(1);
  });

  test('is off if the environment killed the feature, whatever a row says', async () => {
    await world.db.$executeRaw`
      INSERT INTO feature_settings (name, enabled, percent, who, why)
      VALUES ('escalation', true, 100, 'psql', 'by hand')`;
    const process = await newProcess();
    expect(isOn(process, 'escalation')).toBe(false);
    expect(await put(process, 'escalation', { enabled: true })).toMatchObject({
      outcome: 'refused',
      code: 'FEATURE_KILLED',
    });
  });

  test('follows a row written by hand even if its plan is invalid', async () => {
    await world.db.$executeRaw`
      INSERT INTO feature_settings (name, enabled, plan, who, why)
      VALUES ('availability_states', false, '"soon"', 'psql', 'by hand'),
        ('no_longer_there', true, NULL, 'psql', 'an older version')`;
    expect(isOn(await newProcess(), 'availability_states')).toBe(false);
  });

  test('is limited to the cities of the environment and of ops; ops naming none means all', async () => {
    const process = await newProcess();
    expect([isOn(process, 'auto_reassignment', CITY), isOn(process, 'auto_reassignment', 'rtm')]).toEqual([
      false,
      true,
    ]);
    await put(process, 'auto_reassignment', { cities: [CITY] });
    expect([isOn(process, 'auto_reassignment', CITY), isOn(process, 'auto_reassignment', 'rtm')]).toEqual([
      true,
      false,
    ]);
    await put(process, 'auto_reassignment', { cities: [] });
    expect([isOn(process, 'auto_reassignment', CITY), isOn(process, 'auto_reassignment', 'rtm')]).toEqual([
      true,
      true,
    ]);
    await put(process, 'auto_reassignment', {});
    expect([isOn(process, 'auto_reassignment', CITY), isOn(process, 'auto_reassignment', 'rtm')]).toEqual([
      false,
      true,
    ]);
  });

  test('only adds deliveries as the percent rises', async () => {
    const process = await newProcess();
    const keys = Array.from({ length: 400 }, () => newId());
    let before: string[] = [];
    for (const percent of [5, 25, 50, 100]) {
      await put(process, 'driver_offers', { enabled: true, percent });
      const now = keys.filter((key) => process.registry.isOn('driver_offers', { cityId: CITY, key }));
      expect(now).toEqual(expect.arrayContaining(before));
      expect(Math.abs(now.length / 4 - percent)).toBeLessThan(10);
      before = now;
    }
    expect(before).toHaveLength(400);
  });

  test('is not reverted by a row that arrives late', async () => {
    const process = await newProcess();
    await put(process, 'driver_offers', { enabled: true, percent: 100 });
    const late = await readFeatureRows(world.db, FEATURES, 1);
    await put(process, 'driver_offers', { enabled: false });
    process.registry.accept(late);
    expect(isOn(process, 'driver_offers')).toBe(false);
  });

  test('follows a restored backup in every process, and is logged', async () => {
    const [here, there] = [
      await newProcess({ redis: awayRedis() }),
      await newProcess({ redis: awayRedis(), pollMs: 100 }),
    ];
    await put(here, 'driver_offers', { enabled: false });
    const {
      rows: [saved],
    } = await owner.query('SELECT * FROM feature_settings');
    for (const percent of [50, 100]) await put(here, 'driver_offers', { enabled: true, percent });
    await eventually('the other heard of it', async () => isOn(there, 'driver_offers'));
    await owner.query('DELETE FROM feature_settings WHERE id > $1', [saved.id]);
    await owner.query(`SELECT setval('feature_settings_id_seq', $1)`, [saved.id]);
    await eventually('the other reads the backup', async () => !isOn(there, 'driver_offers'));
    expect(texts(there, 'warn')).toContain(
      'the database was restored to an earlier state; its feature setting now applies',
    );
    await put(here, 'driver_offers', { enabled: false });
    await put(here, 'driver_offers', { enabled: false, percent: 5 });
    expect([here, there].map((process) => isOn(process, 'driver_offers'))).toEqual([false, false]);
    expect((await here.desk.list())[0]).toMatchObject({
      effective: { state: 'OFF', rolloutPercent: 5 },
      history: [{ percent: 5 }, { percent: null }],
    });
    expect(here.registry.effective()[0]).toMatchObject({ state: 'OFF', rolloutPercent: 5 });
  });

  test('is reported with its start time, which a new plan alone does not change', async () => {
    const process = await newProcess();
    const [beganAt] = [process.registry.changedAt('driver_offers')];
    await eventually('time goes by', async () => Date.now() > beganAt);
    const changes: FeatureChange[] = [];
    const stop = process.registry.onChange((change) => changes.push(change));
    await put(process, 'driver_offers', { plan: [{ date: '2026-12-01', percent: 5 }] });
    expect([process.registry.changedAt('driver_offers'), changes]).toEqual([beganAt, []]);
    await put(process, 'driver_offers', { enabled: true });
    expect(process.registry.changedAt('driver_offers')).toBeGreaterThan(beganAt);
    stop();
    await put(process, 'driver_offers', { enabled: false });
    expect(changes).toHaveLength(1);
  });

  test('reaches every listener even if one fails', async () => {
    const process = await newProcess();
    process.registry.onChange(() => {
      throw new Error('broken');
    });
    const changed = nextChange(process);
    await put(process, 'driver_offers', { enabled: true });
    expect(await changed).toMatchObject({ feature: 'driver_offers' });
    expect(texts(process, 'warn')).toEqual(['a listener for feature changes failed']);
  });
});

describe('the log of every process', () => {
  test('has the disabled features at the start, and each change', async () => {
    const [here, there] = [await newProcess(), await newProcess()];
    await listening(2);
    expect(texts(there, 'info')).toEqual(['driver_offers disabled', 'escalation disabled']);
    await put(here, 'driver_offers', { enabled: true, percent: 100 });
    await put(here, 'driver_offers', { enabled: true, percent: 50 });
    await eventually(
      'the percent',
      async () =>
        texts(there, 'info').includes('driver_offers changed') ||
        there.registry.effective()[0]?.rolloutPercent === 50,
    );
    await put(here, 'driver_offers', { enabled: false, percent: 50 });
    for (const { lines } of [here, there]) {
      await eventually(
        'the line',
        async () => lines.at(-1)?.text === 'driver_offers disabled' && lines.length > 2,
      );
      expect(lines.at(-1)?.fields).toEqual({
        feature: 'driver_offers',
        state: 'OFF',
        rolloutPercent: 50,
        cities: null,
        ...BY,
      });
    }
    expect(texts(here, 'info')).toEqual([
      'driver_offers disabled',
      'escalation disabled',
      'driver_offers enabled',
      'driver_offers changed',
      'driver_offers disabled',
    ]);
  });
});

describe('the metrics', () => {
  const valueOf = async (name: string, labels: Record<string, string>): Promise<number | undefined> => {
    const values = (await register.getSingleMetric(name)?.get())?.values ?? [];
    return values.find((each) => Object.entries(labels).every(([key, value]) => each.labels[key] === value))
      ?.value;
  };
  const flags = async (feature: string) => [
    await valueOf('feature_flags_enabled', { feature }),
    await valueOf('feature_flags_rollout_percent', { feature }),
    await valueOf('feature_flags_planned_percent', { feature }),
  ];

  test('show state, rollout and planned rollout', async () => {
    const process = await newProcess();
    expect([
      await flags('driver_offers'),
      await flags('availability_states'),
      await flags('escalation'),
    ]).toEqual([
      [0, 0, undefined],
      [1, 100, undefined],
      [0, 100, undefined],
    ]);
    await put(process, 'driver_offers', {
      enabled: true,
      percent: 5,
      plan: [
        { date: '2020-01-01', percent: 25 },
        { date: '2099-01-01', percent: 100 },
      ],
    });
    expect(await flags('driver_offers')).toEqual([1, 5, 25]);
    await put(process, 'driver_offers', { enabled: false });
    expect(await flags('driver_offers')).toEqual([0, 0, undefined]);
  });

  test('count each toggle once, in the process that made it', async () => {
    const [here, there] = [await newProcess(), await newProcess()];
    await listening(2);
    const counted = async () => [
      await valueOf('feature_flag_toggles_total', { feature: 'driver_offers', action: 'enabled' }),
      await valueOf('feature_flag_toggles_total', { feature: 'driver_offers', action: 'disabled' }),
    ];
    const [enabled = 0, disabled = 0] = await counted();
    const changed = nextChange(there);
    await put(here, 'driver_offers', { enabled: true });
    await changed;
    await put(here, 'driver_offers', { enabled: true });
    await put(here, 'driver_offers', { enabled: true, percent: 30 });
    expect(await counted()).toEqual([enabled + 1, disabled]);
    await put(here, 'driver_offers', { enabled: false });
    await put(here, 'driver_offers', {});
    expect(await counted()).toEqual([enabled + 1, disabled + 1]);
  });
});

describe('an environment that kills', () => {
  const killed = environmentSetting('driver_offers', 'ON', 0, null);

  test('by a percent of 0 is not overridden by a percent that ops have set', async () => {
    await put(await newProcess(), 'driver_offers', { enabled: true, percent: 100 });
    const process = await newProcess({ environment: [killed] });
    expect(process.registry.decide('driver_offers', SUBJECT)?.decision).toEqual({ on: false, why: 'KILLED' });
    expect(await put(process, 'driver_offers', { enabled: true, percent: 50 })).toMatchObject({
      outcome: 'refused',
      code: 'FEATURE_KILLED',
    });
  });

  test('is counted as a toggle, once a process', async () => {
    const counted = async (): Promise<number> => {
      const { values = [] } = (await register.getSingleMetric('feature_flag_toggles_total')?.get()) ?? {};
      return (
        values.find(({ labels }) => labels.feature === 'driver_offers' && labels.action === 'disabled')
          ?.value ?? 0
      );
    };
    await newProcess();
    const before = await counted();
    await newProcess({ environment: [killed] });
    expect(await counted()).toBe(before + 1);
  });
});

describe('the OpenFeature client', () => {
  const details = (
    client: ReturnType<typeof createFeatureClient>,
    feature: string,
    context: Record<string, string> = { targetingKey: SUBJECT.key, cityId: CITY },
  ) => client.getBooleanDetails(feature, false, context);

  test('decides like isOn and gives the reason', async () => {
    const process = await newProcess();
    const client = createFeatureClient(process.registry, newId());
    await put(process, 'driver_offers', { enabled: true, percent: 50 });
    for (const key of Array.from({ length: 50 }, () => newId())) {
      const on = process.registry.isOn('driver_offers', { cityId: CITY, key });
      expect(await details(client, 'driver_offers', { targetingKey: key, cityId: CITY })).toMatchObject({
        value: on,
        variant: on ? 'on' : 'off',
        reason: 'SPLIT',
        flagMetadata: { rolloutPercent: 50, draw: expect.any(Number) },
      });
    }
    expect(await details(client, 'escalation')).toMatchObject({
      value: false,
      reason: 'DISABLED',
      flagMetadata: { why: 'KILLED' },
    });
    expect(await details(client, 'auto_reassignment')).toMatchObject({
      value: false,
      reason: 'TARGETING_MATCH',
      flagMetadata: { why: 'CITY_NOT_LISTED' },
    });
    expect(await details(client, 'availability_states')).toMatchObject({
      value: true,
      reason: 'TARGETING_MATCH',
    });
  });

  test('returns the default and the error if it cannot decide', async () => {
    const { registry } = await newProcess();
    const client = createFeatureClient(registry, newId());
    expect(await details(client, 'eta')).toMatchObject({ value: false, errorCode: 'FLAG_NOT_FOUND' });
    expect(await details(client, 'driver_offers', { cityId: CITY })).toMatchObject({
      errorCode: 'TARGETING_KEY_MISSING',
    });
    expect(await details(client, 'driver_offers', { targetingKey: SUBJECT.key })).toMatchObject({
      errorCode: 'INVALID_CONTEXT',
    });
    expect(await client.getStringDetails('driver_offers', 'none', SUBJECT)).toMatchObject({
      value: 'none',
      errorCode: 'TYPE_MISMATCH',
    });
  });

  test('emits an event for each change', async () => {
    const process = await newProcess();
    const client = createFeatureClient(process.registry, newId());
    const told = new Promise((resolve) => {
      client.addHandler(ProviderEvents.ConfigurationChanged, (event) => resolve(event?.flagsChanged));
    });
    await put(process, 'driver_offers', { enabled: true });
    expect(await told).toEqual(['driver_offers']);
  });
});

describe('a kill', () => {
  test('of availability_states sets drivers in v2 states OFFLINE within the goal, also on the map', async () => {
    const { db, map, addDriver, row } = world;
    const clock = () => START;
    const [api, ...workers] = [await newProcess(), await newProcess(), await newProcess()];
    for (const { registry } of workers) {
      const availability = createAvailability({
        db,
        map,
        features: registry,
        clock,
        limits: AVAILABILITY_LIMITS,
        notifyRelay: () => {},
      });
      switchStatesOffAtOnce(
        registry,
        createPresence({
          db,
          map,
          availability,
          features: registry,
          clock,
          limits: AVAILABILITY_LIMITS,
          notifyRelay: () => {},
        }),
        {
          warn: (_fields, text) => {
            throw new Error(text);
          },
        },
      );
    }
    await listening(3);
    const states = ['ON_BREAK', 'PAUSED', 'SHIFT_ENDED'] as const;
    const drivers = await Promise.all(
      states.map((availability) =>
        addDriver({ availability, until: availability === 'ON_BREAK' ? START + 60_000 : null }),
      ),
    );
    const onDuty = await addDriver();
    const beganAt = performance.now();
    await put(api, 'availability_states', { enabled: false });
    await eventually('all three are OFFLINE', async () =>
      (await Promise.all(drivers.map(row))).every(({ availability }) => availability === 'OFFLINE'),
    );
    expect(performance.now() - beganAt).toBeLessThan(GOAL_MS);
    expect(await row(onDuty)).toMatchObject({ availability: 'AVAILABLE' });
    expect(await db.auditEntry.count({ where: { driverId: { in: drivers } } })).toBe(3);
    // The map follows by these messages, which the relay sends in its own moments.
    expect(
      (await world.takeMessages())
        .flatMap((message) => (message.kind === 'syncDriver' ? [message.driverId] : []))
        .sort(),
    ).toEqual(drivers.sort());
  });

  test('of driver_offers keeps the live offer acceptable and sends the next delivery through the v1 flow', async () => {
    const dispatch = await createDispatchWorld();
    running.push({ stop: () => dispatch.close() });
    const process = await newProcess({
      db: dispatch.db,
      redis: awayRedis(),
      environment: [{ feature: 'driver_offers', state: 'ON', rolloutPercent: 100, cities: null }],
    });
    const activities = createDeliveryActivities({ ...dispatch.deps, features: process.registry });
    const [asked, next] = [await dispatch.addDelivery(), await dispatch.addDelivery()].map(
      ({ deliveryId }) => deliveryId,
    );
    const driverId = await dispatch.addDriver();
    const search = (deliveryId = '') =>
      activities.lookForDriver({
        deliveryId,
        correlationId: 'test',
        at: Date.now(),
        event: { kind: 'lookForDriver', freed: null },
      });
    await search(asked);
    const offer = await dispatch.db.offer.findFirstOrThrow({ where: { deliveryId: asked, state: 'LIVE' } });

    await put(process, 'driver_offers', { enabled: false });
    const told = await activities.acceptOffer({
      deliveryId: asked ?? '',
      correlationId: 'test',
      at: Date.now(),
      event: { kind: 'acceptOffer', driverId, offerId: offer.id },
    });
    expect(told.answer).toMatchObject({ outcome: 'accepted' });
    const nextDriver = await dispatch.addDriver();
    await search(next);
    expect(await dispatch.db.delivery.findUniqueOrThrow({ where: { id: next } })).toMatchObject({
      status: 'ASSIGNED',
      driverId: nextDriver,
    });
    expect(await dispatch.db.offer.count({ where: { deliveryId: next } })).toBe(0);
  });
});
