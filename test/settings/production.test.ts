import { describe, expect, it } from '@jest/globals';
import { readApiSettings, readSettings, SettingsError } from '../../settings';
import { readTemporalSettings } from '../../settings/temporal';

const KEY = 'a-key-of-at-least-thirty-two-bytes';
/** A production that nothing is wrong with. */
const SAFE = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgresql://dispatch:x7Hq-w2@db.internal:5432/dispatch?sslmode=verify-full',
  REDIS_URL: 'rediss://:x7Hq-w2@redis.internal:6379',
  JWT_JWKS_URL: 'https://id.example/keys',
};
type Env = Record<string, string | undefined>;

const RISKS: [string, Env, string][] = [
  [
    'local-key',
    { JWT_LOCAL_KEY: KEY, JWT_JWKS_URL: undefined },
    'JWT_LOCAL_KEY is set and NODE_ENV is production; ' +
      'allowed: JWT_JWKS_URL in its place, or local-key in ALLOW_IN_PRODUCTION',
  ],
  [
    'plain-jwks',
    { JWT_JWKS_URL: 'http://id.example/keys' },
    'JWT_JWKS_URL begins with http:// and NODE_ENV is production; ' +
      'allowed: https://, or plain-jwks in ALLOW_IN_PRODUCTION',
  ],
  [
    'time-scale',
    { TIME_SCALE: '60' },
    'TIME_SCALE is 60 and NODE_ENV is production; allowed: 1, or time-scale in ALLOW_IN_PRODUCTION',
  ],
  ...['', '?sslmode=disable', '?sslmode=prefer', '?sslmode=no-verify', '?sslmode='].map(
    (query): [string, Env, string] => [
      'plain-postgres',
      { DATABASE_URL: `postgresql://dispatch:x7Hq-w2@db.internal:5432/dispatch${query}` },
      `DATABASE_URL has ${query === '' ? 'no sslmode' : query.slice(1)} and NODE_ENV is production; ` +
        'allowed: sslmode=require, verify-ca, verify-full, or plain-postgres in ALLOW_IN_PRODUCTION',
    ],
  ),
  [
    'plain-redis',
    { REDIS_URL: 'redis://:x7Hq-w2@127.0.0.1:6379' },
    'REDIS_URL begins with redis:// and NODE_ENV is production; ' +
      'allowed: rediss://, or plain-redis in ALLOW_IN_PRODUCTION',
  ],
  [
    'default-password',
    { DATABASE_URL: 'postgresql://app:postgres@db.internal/dispatch?sslmode=require' },
    'DATABASE_URL has a well-known password and NODE_ENV is production; ' +
      'allowed: another one, or default-password in ALLOW_IN_PRODUCTION',
  ],
  [
    'default-password',
    { DATABASE_URL: 'postgresql://app:app@db.internal/dispatch?sslmode=require' },
    'DATABASE_URL has a well-known password and NODE_ENV is production; ' +
      'allowed: another one, or default-password in ALLOW_IN_PRODUCTION',
  ],
  [
    'default-password',
    { REDIS_URL: 'rediss://:redis@redis.internal:6379' },
    'REDIS_URL has a well-known password and NODE_ENV is production; ' +
      'allowed: another one, or default-password in ALLOW_IN_PRODUCTION',
  ],
  [
    'local-notices',
    { PAGERDUTY_URL: 'http://127.0.0.1:9000/enqueue' },
    'PAGERDUTY_URL begins with http:// and NODE_ENV is production; ' +
      'allowed: https://, or local-notices in ALLOW_IN_PRODUCTION',
  ],
  [
    'local-notices',
    { SLACK_WEBHOOK_URL: 'http://localhost:9000/hook' },
    'SLACK_WEBHOOK_URL begins with http:// and NODE_ENV is production; ' +
      'allowed: https://, or local-notices in ALLOW_IN_PRODUCTION',
  ],
  [
    'local-notices',
    { WEB_PUSH_ALLOW_LOCAL: 'true' },
    'WEB_PUSH_ALLOW_LOCAL is true and NODE_ENV is production; ' +
      'allowed: unset or false, or local-notices in ALLOW_IN_PRODUCTION',
  ],
];

describe('a production', () => {
  it('starts where nothing is wrong', () => {
    expect(problemsOf(SAFE)).toEqual([]);
    expect(readSettings({ ...SAFE, JWT_JWKS_URL: undefined }).timeScale).toBe(1);
  });

  it.each(RISKS)('refuses %s: %j', (risk, env, problem) => {
    expect(problemsOf({ ...SAFE, ...env })).toEqual([problem]);
    expect(problemsOf({ ...SAFE, ...env, ALLOW_IN_PRODUCTION: `time-scale,${risk}` })).toEqual([]);
    for (const NODE_ENV of [undefined, '', 'development', 'test'])
      expect(problemsOf({ ...SAFE, ...env, NODE_ENV })).toEqual([]);
  });

  it('refuses the sign-in of the demo', () => {
    const demo = { ...SAFE, JWT_JWKS_URL: undefined, JWT_LOCAL_KEY: KEY, DEMO_SIGN_IN: 'true' };
    expect(problemsOf({ ...demo, ALLOW_IN_PRODUCTION: 'local-key' })).toEqual([
      'DEMO_SIGN_IN is true and NODE_ENV is production; ' +
        'allowed: unset or false, or demo-sign-in in ALLOW_IN_PRODUCTION',
    ]);
  });

  it('says all that is wrong at once, and shows no secret', () => {
    const problems = problemsOf({
      NODE_ENV: 'production',
      DATABASE_URL: 'postgresql://hush:hush@db/dispatch',
      REDIS_URL: 'redis://:password@redis:6379',
      JWT_LOCAL_KEY: KEY,
      TIME_SCALE: '2',
    });
    expect(problems).toHaveLength(6);
    expect(problems.join()).not.toContain('hush');
    expect(problems.join()).not.toContain(KEY);
  });

  it('is held to what a worker reads as well', () => {
    expect(() => readSettings({ ...SAFE, TIME_SCALE: '60' })).toThrow('time-scale in ALLOW_IN_PRODUCTION');
  });

  it('takes no override that it does not know', () => {
    expect(problemsOf({ ...SAFE, ALLOW_IN_PRODUCTION: 'everything' })).toEqual([
      expect.stringMatching(/^ALLOW_IN_PRODUCTION is "everything"; allowed: any of local-key, /),
    ]);
  });

  it('reaches Temporal by TLS', () => {
    const env = { NODE_ENV: 'production', TEMPORAL_ADDRESS: 'temporal.internal:7233' };
    expect(() => readTemporalSettings(env)).toThrow('plain-temporal in ALLOW_IN_PRODUCTION');
    expect(() => readTemporalSettings({ ...env, TEMPORAL_TLS: 'false' })).toThrow(SettingsError);
    for (const more of [
      { TEMPORAL_TLS: 'true' },
      { TEMPORAL_API_KEY: 'k' },
      { TEMPORAL_TLS_SERVER_NAME: 'temporal' },
      { ALLOW_IN_PRODUCTION: 'plain-temporal' },
      { NODE_ENV: '' },
    ])
      expect(readTemporalSettings({ ...env, ...more }).namespace).toBe('default');
  });
});

function problemsOf(env: Env): readonly string[] {
  try {
    readApiSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}
