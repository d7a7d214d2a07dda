import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  DEFAULT_CLAIMS,
  DEFAULT_TOKEN_AGE_MS,
  readApiSettings,
  readSettings,
  SettingsError,
} from '../../settings';
import { settingsTables } from '../../settings/table';

const NEEDED = {
  DATABASE_URL: 'postgresql://app:hush-hush@127.0.0.1:5432/dispatch',
  REDIS_URL: 'redis://:hush-hush@127.0.0.1:6379',
};
const KEY = 'a-key-of-at-least-thirty-two-bytes';

describe('settings', () => {
  it('have the defaults of docs/settings.md if only required variables are set', () => {
    const settings = readApiSettings({ ...NEEDED, JWT_LOCAL_KEY: KEY });
    expect(settings).toMatchObject({
      offerTtlMs: 30_000,
      searchLeadMs: 600_000,
      searchMaxMs: 7_200_000,
      search: { startRadiusMeters: 3_000, radiusGrowth: 1.5, maxRadiusMeters: 15_000, backoffMs: 5_000 },
      ranking: { freshPositionMs: 60_000, lapseExclusionMs: 300_000 },
      availability: { breakMinMinutes: 5, breakMaxMinutes: 120, freshPositionMs: 60_000, silentMs: 600_000 },
      escalation: { thresholds: { 1: 300_000, 2: 900_000, 3: 1_800_000 }, checkEveryMs: 120_000 },
      api: {
        host: '127.0.0.1',
        port: 3_001,
        admin: null,
        keepAliveMs: 65_000,
        shutdownDrainMs: 5_000,
        shutdownGraceMs: 10_000,
        answerTimeoutMs: 8_000,
      },
      worker: { healthPort: 3_002, shutdownGraceMs: 10_000 },
      auth: { keys: { kind: 'local', key: KEY }, issuer: 'driver-service' },
      demoSignIn: false,
    });
  });

  it('have every feature off by default, offers at 0 % and the others at 100 %', () => {
    const { features } = readSettings(NEEDED);
    expect(features).toEqual([
      { feature: 'driver_offers', state: 'OFF', rolloutPercent: 0, cities: null },
      { feature: 'availability_states', state: 'OFF', rolloutPercent: 100, cities: null },
      { feature: 'escalation', state: 'OFF', rolloutPercent: 100, cities: null },
      { feature: 'auto_reassignment', state: 'OFF', rolloutPercent: 100, cities: null },
      { feature: 'batch_matching', state: 'OFF', rolloutPercent: 100, cities: null },
    ]);
  });

  it('distinguish a killed feature from one that is off', () => {
    const { features } = readSettings({
      ...NEEDED,
      ENABLE_DRIVER_OFFERS: 'false',
      ENABLE_ESCALATION: 'true',
      ESCALATION_CITIES: 'berlin, paris',
    });
    expect(features.find(({ feature }) => feature === 'driver_offers')?.state).toBe('KILLED');
    expect(features.find(({ feature }) => feature === 'escalation')).toMatchObject({
      state: 'ON',
      cities: ['berlin', 'paris'],
    });
  });

  it.each(['DRIVER_OFFERS', 'AVAILABILITY_STATES', 'ESCALATION', 'AUTO_REASSIGNMENT'])(
    'kill a feature by %s_ROLLOUT=0 as by false, and keep it switchable where the percent is unset',
    (name) => {
      const stateOf = (env: Record<string, string>): string | undefined =>
        readSettings({ ...NEEDED, ...env }).features.find(({ feature }) => feature === name.toLowerCase())
          ?.state;
      const on = { [`ENABLE_${name}`]: 'true' };
      expect(stateOf({ [`${name}_ROLLOUT`]: '0' })).toBe('KILLED');
      expect(stateOf({ ...on, [`${name}_ROLLOUT`]: '0' })).toBe('KILLED');
      expect(stateOf({ ...on, [`${name}_ROLLOUT`]: '1' })).toBe('ON');
      expect(stateOf({ ...on, [`${name}_ROLLOUT`]: '' })).toBe('ON');
      expect(stateOf(on)).toBe('ON');
    },
  );

  it('divide only business durations by the time scale', () => {
    const settings = readApiSettings({
      ...NEEDED,
      JWT_LOCAL_KEY: KEY,
      TIME_SCALE: '60',
      SEARCH_MAX_MINUTES: '0',
    });
    expect(settings).toMatchObject({
      offerTtlMs: 500,
      searchLeadMs: 10_000,
      searchMaxMs: 0,
      search: { startRadiusMeters: 3_000, backoffMs: 83 },
      availability: { freshPositionMs: 1_000, breakMinMinutes: 5 },
      travel: { metersPerMinute: { BICYCLE: 250 } },
      api: { shutdownGraceMs: 10_000 },
      database: { statementTimeoutMs: 1_000 },
    });
  });

  it('read payload keys by id, refuse malformed ones without showing them, and an unknown id', () => {
    const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const keys = `2026=${one.toString('base64')}, next=${two.toString('base64url')}`;
    const settings = readSettings({
      ...NEEDED,
      TEMPORAL_PAYLOAD_KEYS: keys,
      TEMPORAL_PAYLOAD_KEY_ID: 'next',
    });
    expect(settings.payloads.encryptWith).toBe('next');
    expect([...settings.payloads.keys].map(([id, key]) => [id, Buffer.from(key)])).toEqual([
      ['2026', one],
      ['next', two],
    ]);
    expect(readSettings(NEEDED).payloads).toEqual({ keys: new Map(), encryptWith: null });
    const refused = (given: Record<string, string>) => (): unknown => readSettings({ ...NEEDED, ...given });
    for (const wrong of ['secret-key', 'a=c2VjcmV0', `a=${one.toString('hex')}`, `${keys},next=${keys}`]) {
      const reading = refused({ TEMPORAL_PAYLOAD_KEYS: wrong });
      expect(reading).toThrow('TEMPORAL_PAYLOAD_KEYS has the wrong format (its value is not shown)');
      expect(reading).not.toThrow(wrong);
    }
    expect(refused({ TEMPORAL_PAYLOAD_KEYS: keys, TEMPORAL_PAYLOAD_KEY_ID: 'gone' })).toThrow(
      'TEMPORAL_PAYLOAD_KEY_ID is gone; allowed: an id of TEMPORAL_PAYLOAD_KEYS',
    );
    expect(refused({ TEMPORAL_PAYLOAD_KEY_ID: 'gone' })).toThrow('allowed: an id of TEMPORAL_PAYLOAD_KEYS');
  });

  it('accept the alias of the offer time-out, and refuse a contradicting one', () => {
    expect(readSettings({ ...NEEDED, DRIVER_OFFERS_TIMEOUT_SECONDS: '45' }).offerTtlMs).toBe(45_000);
    expect(
      readSettings({ ...NEEDED, DRIVER_OFFERS_TIMEOUT_SECONDS: '45', OFFER_EXPIRATION_SECONDS: '45' })
        .offerTtlMs,
    ).toBe(45_000);
    expect(
      problemsOf({
        ...NEEDED,
        JWT_LOCAL_KEY: KEY,
        DRIVER_OFFERS_TIMEOUT_SECONDS: '45',
        OFFER_EXPIRATION_SECONDS: '30',
      }),
    ).toEqual([
      'DRIVER_OFFERS_TIMEOUT_SECONDS is 45 and OFFER_EXPIRATION_SECONDS is 30; ' +
        'allowed: the same value, or only one of them set',
    ]);
  });

  it('leave worker versioning off unless the deployment name is valid', () => {
    expect(readSettings(NEEDED).worker.deploymentName).toBeNull();
    expect(readSettings({ ...NEEDED, WORKER_DEPLOYMENT_NAME: 'dispatch-eu' }).worker.deploymentName).toBe(
      'dispatch-eu',
    );
    expect(problemsOf({ ...NEEDED, JWT_LOCAL_KEY: KEY, WORKER_DEPLOYMENT_NAME: 'dispatch.eu' })).toEqual([
      expect.stringMatching(/^WORKER_DEPLOYMENT_NAME is "dispatch\.eu"; allowed: /),
    ]);
  });

  it('say where the claims of a token are, and what its roles mean', () => {
    const { auth } = readApiSettings({
      ...NEEDED,
      JWT_LOCAL_KEY: KEY,
      JWT_ROLE_CLAIM: 'https://example.com/roles',
      JWT_ROLE_VALUES: 'dispatcher=ops, a=b=driver',
      JWT_CITIES_CLAIM: 'realm_access.cities',
      JWT_MAX_AGE_MINUTES: '60',
    });
    expect(auth).toMatchObject({
      claims: { role: 'https://example.com/roles', cities: 'realm_access.cities', driver: 'sub' },
      maxAgeMs: 3_600_000,
    });
    expect([...(auth.claims?.roleValues ?? [])]).toEqual([
      ['dispatcher', 'ops'],
      ['a=b', 'driver'],
    ]);
    expect(readApiSettings({ ...NEEDED, JWT_LOCAL_KEY: KEY }).auth).toMatchObject({
      claims: DEFAULT_CLAIMS,
      maxAgeMs: DEFAULT_TOKEN_AGE_MS,
    });
    for (const text of ['dispatcher', '=ops', 'dispatcher=king', 'dispatcher=ops,,'])
      expect(problemsOf({ ...NEEDED, JWT_LOCAL_KEY: KEY, JWT_ROLE_VALUES: text })).toHaveLength(1);
  });

  it('treat empty variables as unset', () => {
    expect(
      readSettings({ ...NEEDED, SEARCH_RADIUS_METERS: '', ENABLE_DRIVER_OFFERS: '' }).search
        .startRadiusMeters,
    ).toBe(3_000);
  });
});

describe('invalid settings', () => {
  it('are all reported at once, with the error and the allowed values', () => {
    const problems = problemsOf({
      ...NEEDED,
      DATABASE_URL: undefined,
      API_PORT: '99999',
      LOG_LEVEL: 'loud',
      SEARCH_RADIUS_FACTOR: 'wide',
      ENABLE_ESCALATION: 'yes',
      JWT_LOCAL_KEY: KEY,
    });
    expect(problems).toEqual([
      'DATABASE_URL is not set; allowed: an address that begins with postgresql:// or postgres://',
      'LOG_LEVEL is "loud"; allowed: fatal, error, warn, info, debug, trace, silent',
      'SEARCH_RADIUS_FACTOR is "wide"; allowed: a number from 1 to 10',
      'ENABLE_ESCALATION is "yes"; allowed: true, false, or unset',
      'API_PORT is "99999"; allowed: a whole number from 0 to 65535',
    ]);
  });

  it.each([['1e3'], ['-5'], ['5.5'], [' 5'], ['0x10'], ['Infinity']])('include non-integers: %s', (text) => {
    expect(problemsOf({ ...NEEDED, JWT_LOCAL_KEY: KEY, SEARCH_LEAD_MINUTES: text })).toHaveLength(1);
  });

  it('never show a secret', () => {
    const problems = problemsOf({
      DATABASE_URL: 'mysql://app:hush-hush@host/db',
      REDIS_URL: 'hush-hush',
      JWT_LOCAL_KEY: 'hush-hush',
    });
    expect(problems).toHaveLength(3);
    expect(problems.join()).not.toContain('hush-hush');
  });

  it('include zero or two token issuers', () => {
    expect(problemsOf(NEEDED)).toEqual([
      'JWT_JWKS_URL and JWT_LOCAL_KEY must not both be unset; allowed: exactly one of them',
    ]);
    expect(problemsOf({ ...NEEDED, JWT_LOCAL_KEY: KEY, JWT_JWKS_URL: 'https://id.example/keys' })).toEqual([
      'JWT_JWKS_URL and JWT_LOCAL_KEY are both set; allowed: exactly one of them',
    ]);
  });

  it.each([
    [{ JWT_JWKS_URL: 'https://id.example/keys', JWT_LOCAL_KEY: undefined }, 'JWT_JWKS_URL is set'],
    [{ API_HOST: '0.0.0.0' }, 'API_HOST is "0.0.0.0"'],
    [{ API_HOST: 'dispatch.example' }, 'API_HOST is "dispatch.example"'],
    [{ TRUSTED_PROXIES: '1' }, 'TRUSTED_PROXIES is 1'],
  ])('are a demo that others than this machine could sign in to: %j', (env, reason) => {
    const demo = { ...NEEDED, JWT_LOCAL_KEY: KEY, DEMO_SIGN_IN: 'true' };
    expect(problemsOf({ ...demo, ...env })).toEqual([
      `DEMO_SIGN_IN is true and ${reason}; allowed: only one of them`,
    ]);
    expect(readApiSettings({ ...demo, API_HOST: '127.0.0.1' }).demoSignIn).toBe(true);
    expect(problemsOf({ ...demo, ...env, DEMO_SIGN_IN: 'false' })).toEqual([]);
  });

  it('include escalation levels that do not rise', () => {
    expect(problemsOf({ ...NEEDED, JWT_LOCAL_KEY: KEY, ESCALATION_LEVEL_2_THRESHOLD_MINUTES: '5' })).toEqual([
      'ESCALATION_LEVEL_2_THRESHOLD_MINUTES is 5; allowed: more than ESCALATION_LEVEL_1_THRESHOLD_MINUTES, which is 5',
    ]);
  });

  it('include a maximum break shorter than the minimum', () => {
    expect(problemsOf({ ...NEEDED, JWT_LOCAL_KEY: KEY, BREAK_MAX_DURATION_MINUTES: '4' })).toEqual([
      'BREAK_MAX_DURATION_MINUTES is 4; allowed: at least BREAK_MIN_DURATION_MINUTES, which is 5',
    ]);
  });

  it('of the API do not stop a worker from starting', () => {
    expect(readSettings({ ...NEEDED, API_PORT: 'none' }).worker.healthPort).toBe(3_002);
  });
});

describe('docs/settings.md', () => {
  it('lists every variable as in the schemas', () => {
    const docs = readFileSync(join(__dirname, '../../docs/settings.md'), 'utf8');
    expect(docs.slice(docs.indexOf('## Worker and API'))).toBe(settingsTables());
  });
});

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    readApiSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}
