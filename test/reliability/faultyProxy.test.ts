import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { FaultyProxy } from '../../reliability/chaos/proxy';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

/** A server that echoes its input after its name. */
async function echo(name = ''): Promise<{ port: number; server: Server; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => socket.write(`${name}${chunk.toString()}`));
    socket.on('end', () => socket.end('bye'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  const address = server.address();
  return { port: typeof address === 'object' && address ? address.port : 0, server, sockets };
}

async function proxyTo(...ports: number[]): Promise<FaultyProxy> {
  const proxy = await FaultyProxy.open(ports.map((port) => ({ port })));
  open.push(proxy);
  return proxy;
}

type Caller = {
  socket: Socket;
  heard(): string;
  hears(text: string): Promise<void>;
  closed: Promise<string>;
};

/** @returns once it is connected */
async function call(port: number): Promise<Caller> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  let heard = '';
  let error = 'in order';
  socket.on('data', (chunk: Buffer) => void (heard += chunk.toString()));
  socket.on('error', (why: NodeJS.ErrnoException) => void (error = why.code ?? why.message));
  socket.once('end', () => void socket.end());
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(error)));
  open.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  const hears = async (text: string): Promise<void> => {
    while (!heard.includes(text)) {
      if (socket.closed) throw new Error(`closed before it heard ${text}`);
      await Promise.race([new Promise((resolve) => socket.once('data', resolve)), closed]);
    }
  };
  return { socket, heard: () => heard, hears, closed };
}

test('data passes in both directions, and a regular end follows the last data', async () => {
  const { port } = await echo();
  const proxy = await proxyTo(port);
  const caller = await call(proxy.port);
  caller.socket.write('hello');
  await caller.hears('hello');
  const long = 'x'.repeat(3_000_000);
  caller.socket.end(long);
  expect(await caller.closed).toBe('in order');
  expect(caller.heard()).toBe(`hello${long}bye`);
  expect(proxy.connections).toBe(0);
});

test('a cut resets every connection on both sides, and the next one is accepted', async () => {
  const { port, sockets } = await echo();
  const proxy = await proxyTo(port);
  const callers = await Promise.all([call(proxy.port), call(proxy.port)]);
  for (const caller of callers) {
    caller.socket.write('hello');
    await caller.hears('hello');
  }
  const gone = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
  expect(proxy.cut()).toBe(2);
  expect(await Promise.all(callers.map(({ closed }) => closed))).toEqual(['ECONNRESET', 'ECONNRESET']);
  await Promise.all(gone);
  expect(proxy.connections).toBe(0);
  const again = await call(proxy.port);
  again.socket.write('again');
  await again.hears('again');
});

test('no client connects while it refuses; afterwards they do, at the same port', async () => {
  const { port } = await echo();
  const proxy = await proxyTo(port);
  const before = await call(proxy.port);
  before.socket.write('hello');
  await before.hears('hello');
  const [endFirst, endSecond] = [await proxy.refuse(), await proxy.refuse()];
  expect(await before.closed).toBe('ECONNRESET');
  await expect(call(proxy.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await endFirst();
  await endFirst(); // twice is once
  await expect(call(proxy.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await endSecond();
  const after = await call(proxy.port);
  after.socket.write('hello');
  await after.hears('hello');
});

test('a delay holds data back in both directions, in order; when it ends, queued data passes at once', async () => {
  const { port } = await echo();
  const proxy = await proxyTo(port);
  const caller = await call(proxy.port);
  const end = proxy.delay(150);
  const sentAt = Date.now();
  caller.socket.write('a');
  await caller.hears('a');
  expect(Date.now() - sentAt).toBeGreaterThanOrEqual(300);
  const endLong = proxy.delay(600_000);
  for (const word of ['b', 'c', 'd']) {
    caller.socket.write(word);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all([end(), endLong()]);
  await caller.hears('d');
  expect(caller.heard()).toBe('abcd');
});

test('a stall accepts connections but forwards nothing; queued data passes afterwards', async () => {
  const { port, sockets } = await echo();
  const proxy = await proxyTo(port);
  const before = await call(proxy.port);
  before.socket.write('a');
  await before.hears('a');
  const end = proxy.stall();
  const during = await call(proxy.port);
  before.socket.write('b');
  during.socket.write('c');
  // Round trips beside the proxy: what were to pass would have come by then.
  const beside = await call(port);
  for (const word of ['1', '2', '3']) {
    beside.socket.write(word);
    await beside.hears(word);
  }
  expect([before.heard(), during.heard()]).toEqual(['a', '']);
  await end();
  await Promise.all([before.hears('b'), during.hears('c')]);
  expect(sockets.length).toBe(3);
});

test('connections are balanced over the upstreams, and an unavailable one is skipped', async () => {
  const [one, two] = await Promise.all([echo('1'), echo('2')]);
  const proxy = await proxyTo(one.port, two.port);
  const answers = async (times: number): Promise<string> => {
    const heard: string[] = [];
    for (let time = 0; time < times; time += 1) {
      const caller = await call(proxy.port);
      caller.socket.write('x');
      await caller.hears('x');
      heard.push(caller.heard());
    }
    return heard.join();
  };
  expect(await answers(4)).toBe('1x,2x,1x,2x');
  for (const socket of one.sockets) socket.destroy();
  one.server.close();
  await once(one.server, 'close');
  expect(await answers(3)).toBe('2x,2x,2x');
});

test('the client is reset where no upstream is available or the upstream resets', async () => {
  const server = await echo();
  const proxy = await proxyTo(server.port);
  const caller = await call(proxy.port);
  caller.socket.write('hello');
  await caller.hears('hello');
  server.sockets[0]?.resetAndDestroy();
  expect(await caller.closed).toBe('ECONNRESET');
  server.server.close();
  await once(server.server, 'close');
  const late = await call(proxy.port);
  expect(await late.closed).toBe('ECONNRESET');
});
