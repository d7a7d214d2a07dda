import { Agent, createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { keepAlive, stopServing } from '../../api/http/shutdown';

let server: Server;
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

describe('shutdown', () => {
  it('answers the request in flight and accepts no new connection', async () => {
    const { arrived, url } = await serverThatWaits();
    const asked = fetchText(url);
    const response = await arrived;
    const stopped = stopServing(server, { drainMs: 0, graceMs: 10_000, closeSockets: async () => {} });
    await expect(fetchText(url)).rejects.toThrow('ECONNREFUSED');
    response.end('done');
    expect(await asked).toBe('done');
    await stopped;
  });

  it('answers a request on a busy connection, then closes it', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const responses: ServerResponse[] = [];
    const url = await listening(createServer((_request, response) => void responses.push(response)));
    const [first, second] = [fetchText(url, agent), fetchText(url, agent)];
    await until(() => responses.length === 1);
    const stopped = stopServing(server, { drainMs: 0, graceMs: 10_000, closeSockets: async () => {} });
    responses[0]?.end('first');
    expect(await first).toBe('first');
    await until(() => responses.length === 2);
    responses[1]?.end('second');
    expect(await second).toBe('second');
    await stopped;
    agent.destroy();
  });

  it('ends requests that exceed the grace period', async () => {
    const { arrived, url } = await serverThatWaits();
    const asked = fetchText(url);
    const refused = expect(asked).rejects.toThrow();
    await arrived;
    await stopServing(server, { drainMs: 0, graceMs: 50, closeSockets: async () => {} });
    await refused;
  });
});

describe('the drain', () => {
  it('serves new connections until its end, and closes each with its response', async () => {
    const closings: (string | undefined)[] = [];
    const url = await listening(createServer((_request, response) => response.end('served')));
    const agent = new Agent({ keepAlive: true });
    const ask = (): Promise<string> =>
      fetchText(url, agent, (response) => closings.push(response.headers.connection));
    await ask();
    let socketsClosedWithinMs = NaN;
    const stopped = stopServing(server, {
      drainMs: 400,
      graceMs: 10_000,
      closeSockets: async (withinMs) => {
        socketsClosedWithinMs = withinMs;
        await expect(fetchText(url)).rejects.toThrow('ECONNREFUSED');
      },
    });
    const drained = stopped.then(() => 'over');
    for (let served = 0; served < 5; served++) expect(await ask()).toBe('served');
    expect(socketsClosedWithinMs).toBeNaN(); // sockets stay while new connections would come back here
    expect(await drained).toBe('over');
    expect(closings).toEqual(['keep-alive', 'close', 'close', 'close', 'close', 'close']);
    expect(socketsClosedWithinMs).toBe(5_000);
    agent.destroy();
  });
});

describe('an idle connection', () => {
  it('is kept for its time, and the headers of its next request may come at its very end', async () => {
    const url = await listening(createServer((_request, response) => response.end('served')));
    keepAlive(server, 400_000);
    expect(server.keepAliveTimeout).toBe(400_000);
    expect(server.headersTimeout).toBeGreaterThan(server.keepAliveTimeout);
    expect(server.requestTimeout).toBeGreaterThanOrEqual(server.headersTimeout);
    const agent = new Agent({ keepAlive: true });
    let told: string | string[] | undefined;
    await fetchText(url, agent, ({ headers }) => (told = headers['keep-alive']));
    expect(told).toBe('timeout=400');
    agent.destroy();
  });
});

async function serverThatWaits(): Promise<{ arrived: Promise<ServerResponse>; url: string }> {
  let show: (response: ServerResponse) => void = () => {};
  const arrived = new Promise<ServerResponse>((resolve) => (show = resolve));
  return { arrived, url: await listening(createServer((_request, response) => show(response))) };
}

async function listening(made: Server): Promise<string> {
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}/`;
}

function fetchText(
  url: string,
  agent?: Agent,
  look: (response: IncomingMessage) => void = () => undefined,
): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: agent ?? new Agent() }, (response: IncomingMessage) => {
      let text = '';
      look(response);
      response
        .setEncoding('utf8')
        .on('data', (part: string) => (text += part))
        .on('end', () => resolve(text))
        .on('error', reject);
    }).on('error', reject);
  });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
