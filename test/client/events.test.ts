import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Server } from 'socket.io';
import { connectEvents } from '@driver-service/api-client';

let service: Server;
let baseUrl: string;
beforeEach(async () => {
  const http = createServer();
  service = new Server(http, { serveClient: false });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  baseUrl = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});
afterEach(() => service.close());

describe('a socket', () => {
  test('backs off while the service closes every connection', async () => {
    const connectedAt: number[] = [];
    const fourth = new Promise<void>((resolve) => {
      service.on('connection', (connection) => {
        connectedAt.push(performance.now());
        if (connectedAt.length === 4) resolve();
        else connection.disconnect(true);
      });
    });
    const socket = connectEvents({ baseUrl, token: 'mine' });
    await fourth;
    socket.disconnect();
    const pausesMs = connectedAt.slice(1).map((at, index) => at - (connectedAt[index] ?? at));
    for (const [index, leastMs] of [190, 390, 790].entries())
      expect(pausesMs[index]).toBeGreaterThanOrEqual(leastMs);
  });

  test('goes on with a new token on the same connection before its token ends', async () => {
    const tokens = ['first', 'second'];
    const refreshed = new Promise((resolve) => {
      service.on('connection', (connection) => {
        connection.on('SESSION_REFRESH', (body, acknowledge: (reply: object) => void) => {
          acknowledge({ refreshed: true, expiresAt: null, code: null });
          resolve({ at: connection.handshake.auth.token, body });
        });
        connection.emit('SESSION_EXPIRING', { expiresAt: new Date().toISOString() });
      });
    });
    const socket = connectEvents({ baseUrl, token: async () => tokens.shift() ?? 'none left' });
    expect(await refreshed).toEqual({ at: 'first', body: { token: 'second' } });
    expect(socket.connected).toBe(true);
    socket.disconnect();
  });

  test('whose new token cannot be fetched stays connected until the old one ends', async () => {
    const fetched: string[] = [];
    const connected = new Promise<void>((resolve) => {
      service.on('connection', (connection) => {
        connection.emit('SESSION_EXPIRING', { expiresAt: new Date().toISOString() });
        connection.on('AFTER', () => resolve());
      });
    });
    const socket = connectEvents({
      baseUrl,
      token: async () => {
        if (fetched.push('asked') > 1) throw new Error('the issuer is away');
        return 'first';
      },
    });
    await new Promise<void>((resolve) => void socket.once('SESSION_EXPIRING', () => resolve()));
    await new Promise((resolve) => void setImmediate(resolve));
    (socket as { emit(event: string): unknown }).emit('AFTER');
    await connected;
    expect([fetched.length, socket.connected]).toEqual([2, true]);
    socket.disconnect();
  });

  test('that reconnects while its token is fetched authenticates once', async () => {
    const tokens: unknown[] = [];
    service.on('connection', ({ handshake }) => void tokens.push(handshake.auth.token));
    const fetched: ((token: string) => void)[] = [];
    const asked = (count: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => (fetched.length === count ? resolve() : void setImmediate(look));
        look();
      });
    const socket = connectEvents({ baseUrl, token: () => new Promise((resolve) => fetched.push(resolve)) });
    await asked(1);
    socket.disconnect().connect();
    await asked(2);
    const [first, second] = fetched;
    const connected = new Promise<void>((resolve) => void socket.on('connect', resolve));
    second?.('second');
    await connected;
    first?.('first');
    await new Promise((resolve) => void setImmediate(resolve));
    // Messages sent before this answer on the same connection have been received.
    socket.onAny((_event, reply: () => void) => reply());
    const [connection] = service.sockets.sockets.values();
    await connection?.timeout(5_000).emitWithAck('ANSWER');
    expect(tokens).toEqual(['second']);
    socket.disconnect();
  });
});
