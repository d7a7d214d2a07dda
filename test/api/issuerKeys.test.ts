import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createTokenReader, TokenError, tokenEndsAt } from '../../api/auth/tokens';
import { AUTH, ops, tokenOf } from '../support/apiWorld';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 29, 12);

/** An issuer that shows the keys named, or does not answer. */
let issuer: Server;
let url: string;
let shown: string[];
let isAway: boolean;
let requests: number;
const pairs = new Map<string, { publicKey: KeyObject; privateKey: KeyObject }>();
const pairOf = (kid: string) => {
  const pair = pairs.get(kid) ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
  pairs.set(kid, pair);
  return pair;
};

beforeEach(async () => {
  [shown, isAway, requests] = [['k1'], false, 0];
  issuer = createServer((_request, response) => {
    requests++;
    if (isAway) return void response.writeHead(503).end();
    const keys = shown.map((kid) => ({
      ...pairOf(kid).publicKey.export({ format: 'jwk' }),
      kid,
      alg: 'ES256',
    }));
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`;
  jest.useFakeTimers({
    doNotFake: ['setImmediate', 'setTimeout', 'nextTick', 'queueMicrotask'],
    now: START_MS,
  });
});
afterEach(async () => {
  jest.useRealTimers();
  await new Promise((resolve) => issuer.close(resolve));
});

const passed = (ms: number): unknown => jest.setSystemTime(Date.now() + ms);

function signedBy(kid: string, claims: object = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1_000);
  const standard = { ...ops(), iss: AUTH.issuer, aud: AUTH.audience, iat, exp: iat + 7_200 };
  const text = `${part({ alg: 'ES256', kid })}.${part({ ...standard, ...claims })}`;
  const signature = sign('sha256', Buffer.from(text), {
    key: pairOf(kid).privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${text}.${signature.toString('base64url')}`;
}

describe('a key of the issuer', () => {
  test('that is withdrawn ends within a minute, also for a token that was just seen', async () => {
    const read = createTokenReader({ ...AUTH, keys: { kind: 'jwks', url } });
    const [token, other] = [signedBy('k1'), signedBy('k1', { sub: 'otto' })];
    await read(token);
    shown = ['k2'];
    let endedAfterMs = 0;
    for (; endedAfterMs <= 120_000; endedAfterMs += 5_000) {
      // Both are in use all the time.
      const outcomes = await Promise.allSettled([read(token), read(other), read(signedBy('k2'))]);
      if (outcomes[0].status === 'rejected' && outcomes[1].status === 'rejected') {
        expect([outcomes[0].reason, outcomes[1].reason]).toEqual([
          expect.any(TokenError),
          expect.any(TokenError),
        ]);
        break;
      }
      passed(5_000);
    }
    expect(endedAfterMs).toBeLessThan(60_000);
    expect(endedAfterMs).toBeGreaterThan(0);
    expect(await read(signedBy('k2'))).toMatchObject({ role: 'ops' });
  });

  test('that is new is found at once, but not by a request for each unknown one', async () => {
    const read = createTokenReader({ ...AUTH, keys: { kind: 'jwks', url } });
    await read(signedBy('k1'));
    passed(6_000);
    shown = ['k1', 'k3'];
    expect(await read(signedBy('k3'))).toMatchObject({ role: 'ops' });
    const before = requests;
    for (let n = 0; n < 20; n++)
      await expect(read(signedBy('forged', { sub: `s${n}` }))).rejects.toThrow(TokenError);
    expect(requests).toBe(before);
  });

  test('goes on for ten minutes while the issuer does not answer', async () => {
    const read = createTokenReader({ ...AUTH, keys: { kind: 'jwks', url } });
    await read(signedBy('k1'));
    isAway = true;
    passed(9 * 60_000);
    expect(await read(signedBy('k1', { sub: 'otto' }))).toMatchObject({ subject: 'otto' });
    passed(2 * 60_000);
    await expect(read(signedBy('k1', { sub: 'otto' }))).rejects.toThrow('in place of its keys');
    isAway = false;
    expect(await read(signedBy('k1', { sub: 'otto' }))).toMatchObject({ subject: 'otto' });
  });
});

describe('the age of a token', () => {
  const issuedAgo = (ms: number, more: object = {}) => {
    const iat = Math.floor((Date.now() - ms) / 1_000);
    return tokenOf({ ...ops(), iat, exp: Math.floor(Date.now() / 1_000) + 365 * 86_400, ...more });
  };

  test('is limited, whatever its own expiry says', async () => {
    const read = createTokenReader({ ...AUTH, maxAgeMs: 2 * HOUR_MS });
    expect(await read(issuedAgo(HOUR_MS))).toMatchObject({ role: 'ops' });
    await expect(read(issuedAgo(2 * HOUR_MS + 60_000))).rejects.toThrow('the token is too old');
    await expect(read(issuedAgo(-HOUR_MS))).rejects.toThrow('issued in the future');
  });

  test('is a day unless the settings say another', async () => {
    const read = createTokenReader(AUTH);
    expect(await read(issuedAgo(23 * HOUR_MS))).toMatchObject({ role: 'ops' });
    await expect(read(issuedAgo(25 * HOUR_MS))).rejects.toThrow(TokenError);
  });

  test('also ends what was remembered of it', async () => {
    const read = createTokenReader({ ...AUTH, maxAgeMs: HOUR_MS });
    const token = issuedAgo(HOUR_MS - 10_000);
    await read(token);
    passed(16_000);
    await expect(Promise.resolve().then(() => read(token))).rejects.toThrow('the token is too old');
  });

  test('is the time to its expiry where it does not say when it was issued', async () => {
    const read = createTokenReader({ ...AUTH, maxAgeMs: 2 * HOUR_MS });
    const endsIn = (ms: number) => tokenOf({ ...ops(), exp: Math.floor((Date.now() + ms) / 1_000) });
    expect(await read(endsIn(HOUR_MS))).toMatchObject({ role: 'ops' });
    await expect(read(endsIn(3 * HOUR_MS))).rejects.toThrow('lacks the time at which it was issued');
  });

  test('is known to whoever must end with the token', () => {
    const iat = Math.floor(Date.now() / 1_000);
    expect(tokenEndsAt(tokenOf({ ...ops(), iat, exp: iat + 7_200 }), HOUR_MS)).toBe(iat * 1_000 + HOUR_MS);
    expect(tokenEndsAt(tokenOf({ ...ops(), iat, exp: iat + 60 }), HOUR_MS)).toBe((iat + 60) * 1_000);
    expect(tokenEndsAt(tokenOf({ ...ops(), exp: iat + 60 }), HOUR_MS)).toBe((iat + 60) * 1_000);
  });
});
