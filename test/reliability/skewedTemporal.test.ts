/** A Temporal whose clock can be set: what workers are told, and that connections fail as the server's own do. */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { temporal } from '@temporalio/proto';
import { afterEach, expect, test } from '@jest/globals';
import { SkewedClock, SkewedTemporal } from '../../reliability/chaos/skewedTemporal';

const { PollWorkflowTaskQueueResponse } = temporal.api.workflowservice.v1;
const POLL = '/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue';
const OTHER = '/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

type Wire = 'plain' | 'compressed' | 'cut off';

/** Answers each call with a task whose events have these times, as seconds. */
async function serverTelling(seconds: () => number[], wire: Wire = 'plain'): Promise<Http2Server> {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const events = seconds().map((each) => ({ eventTime: { seconds: each, nanos: 5 } }));
    const message = PollWorkflowTaskQueueResponse.encode(
      PollWorkflowTaskQueueResponse.fromObject({ history: { events } }),
    ).finish();
    const body = wire === 'compressed' ? gzipSync(message) : message;
    const prefix = Buffer.alloc(5);
    prefix.writeUInt8(wire === 'compressed' ? 1 : 0);
    prefix.writeUInt32BE(body.length, 1);
    stream.end(Buffer.concat([prefix, wire === 'cut off' ? body.subarray(0, 3) : body]));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({ close: () => server.close() });
  return server;
}

const portOf = (server: Http2Server): number => (server.address() as AddressInfo).port;

async function skewedTemporal(
  upstreamPort: number,
  clock?: SkewedClock,
): Promise<{ temporalServer: SkewedTemporal; client: ClientHttp2Session }> {
  const temporalServer = await SkewedTemporal.open(upstreamPort, clock);
  const client = connect(`http://127.0.0.1:${temporalServer.port}`);
  client.on('error', () => undefined);
  open.push(temporalServer, { close: () => client.destroy() });
  return { temporalServer, client };
}

/** @returns the times of the events, in seconds, and the status in the trailers */
async function polled(
  client: ClientHttp2Session,
  path = POLL,
): Promise<{ seconds: number[]; status: unknown }> {
  const call = client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
  call.end();
  let status: unknown;
  call.on('trailers', (trailers: IncomingHttpHeaders) => void (status = trailers['grpc-status']));
  const chunks: Buffer[] = [];
  for await (const chunk of call) chunks.push(chunk as Buffer);
  const { history } = PollWorkflowTaskQueueResponse.decode(Buffer.concat(chunks).subarray(5));
  return { seconds: (history?.events ?? []).map(({ eventTime }) => Number(eventTime?.seconds)), status };
}

test('events of the time when the clock was off bear its time, also later; all others the true time', async () => {
  const seconds = { before: 1_000, during: 2_000, after: 3_000 };
  let now = 1_500_000;
  const server = await serverTelling(() => Object.values(seconds).filter((each) => each * 1_000 <= now));
  const { temporalServer, client } = await skewedTemporal(portOf(server), new SkewedClock(() => now));
  const end = temporalServer.clock.set(90);
  now = 2_500_000;
  expect(await polled(client)).toEqual({ seconds: [1_000, 2_090], status: '0' });
  end();
  now = 3_500_000;
  expect(await polled(client)).toEqual({ seconds: [1_000, 2_090, 3_000], status: '0' });
});

test('answers that bear no time for workers pass unchanged', async () => {
  const clock = new SkewedClock(() => 1_500_000);
  const { temporalServer, client } = await skewedTemporal(portOf(await serverTelling(() => [2_000])), clock);
  temporalServer.clock.set(-90);
  expect(await polled(client, OTHER)).toEqual({ seconds: [2_000], status: '0' });
});

test('an answer that the server compressed, as the worker did its request, is shifted too', async () => {
  const server = await serverTelling(() => [2_000], 'compressed');
  const { temporalServer, client } = await skewedTemporal(portOf(server), new SkewedClock(() => 1_500_000));
  temporalServer.clock.set(90);
  expect(await polled(client)).toEqual({ seconds: [2_090], status: '0' });
});

test('an answer that was cut off passes as it came', async () => {
  const server = await serverTelling(() => [2_000], 'cut off');
  const { temporalServer, client } = await skewedTemporal(portOf(server), new SkewedClock(() => 1_500_000));
  temporalServer.clock.set(90);
  const call = client.request({ ':method': 'POST', ':path': POLL, 'content-type': 'application/grpc' });
  call.end();
  const chunks: Buffer[] = [];
  for await (const chunk of call) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks)).toHaveLength(8);
});

test('a connection ends when the server ends its own', async () => {
  const server = await serverTelling(() => []);
  const sessions: { destroy(): void }[] = [];
  server.on('session', (session) => sessions.push(session));
  const { client } = await skewedTemporal(portOf(server));
  await polled(client);
  const closed = once(client, 'close');
  for (const session of sessions) session.destroy();
  await closed;
});
