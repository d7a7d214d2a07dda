import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { gunzipSync } from 'node:zlib';
import { type google, temporal } from '@temporalio/proto';
import { RoundTraffic } from './roundTraffic';

const { workflowservice } = temporal.api;
const SERVICE = '/temporal.api.workflowservice.v1.WorkflowService/';

type Codec = {
  decode: (bytes: Uint8Array) => object;
  encode: (message: object) => { finish: () => Uint8Array };
};

/** The answers that bring Temporal's time to workers. */
const TIMED: Readonly<Record<string, Codec>> = {
  [`${SERVICE}PollWorkflowTaskQueue`]: workflowservice.v1.PollWorkflowTaskQueueResponse,
  [`${SERVICE}RespondWorkflowTaskCompleted`]: workflowservice.v1.RespondWorkflowTaskCompletedResponse,
  [`${SERVICE}GetWorkflowExecutionHistory`]: workflowservice.v1.GetWorkflowExecutionHistoryResponse,
  [`${SERVICE}PollActivityTaskQueue`]: workflowservice.v1.PollActivityTaskQueueResponse,
};

/** Those among them that hand out activities. */
const HANDING: readonly string[] = [
  `${SERVICE}RespondWorkflowTaskCompleted`,
  `${SERVICE}PollActivityTaskQueue`,
];

/** A gRPC message is preceded by a flag for compression and its length. */
const PREFIX_BYTES = 5;
const COMPRESSED = 1;
const STREAMS_AT_ONCE = 1_000;
const WINDOW_BYTES = 1_048_576;

/** The clock was ahead by this in a stretch of true time. Epoch ms. */
type Skew = { fromAt: number; untilAt: number; bySeconds: number };

/** What a server whose clock was off by then would have written down for each instant. */
export class SkewedClock {
  private readonly skews: Skew[] = [];

  /** @param now the true time, epoch ms */
  constructor(private readonly now: () => number) {}

  /** The clock is ahead by whole seconds (negative: behind) until the returned function is called. */
  set(bySeconds: number): () => void {
    const skew = { fromAt: this.now(), untilAt: Infinity, bySeconds };
    this.skews.push(skew);
    return () => (skew.untilAt = this.now());
  }

  get isTrue(): boolean {
    return this.skews.length === 0;
  }

  /** @param at a true instant, epoch ms @returns how far the clock was ahead then; always the same for it */
  aheadSeconds(at: number): number {
    return this.skews.find(({ fromAt, untilAt }) => fromAt <= at && at < untilAt)?.bySeconds ?? 0;
  }
}

/**
 * A Temporal whose clock can be set: a proxy that changes the times in what workers are told. Each event keeps
 * the time that it was first told with, as on a server whose clock was really off: histories replay.
 * Connections fail as those of the server itself do.
 */
export class SkewedTemporal {
  /** The rounds of matching that are handed to workers. */
  readonly rounds = new RoundTraffic();
  private readonly upstreams = new Set<ClientHttp2Session>();

  private constructor(
    private readonly server: Http2Server,
    readonly clock: SkewedClock,
  ) {}

  /** @param upstreamPort the port of the true server on 127.0.0.1 */
  static async open(upstreamPort: number, clock = new SkewedClock(Date.now)): Promise<SkewedTemporal> {
    const server = createServer({
      settings: { maxConcurrentStreams: STREAMS_AT_ONCE, initialWindowSize: WINDOW_BYTES },
    });
    const temporalServer = new SkewedTemporal(server, clock);
    server.on('session', (session) => {
      const upstream = connect(`http://127.0.0.1:${upstreamPort}`, {
        settings: { initialWindowSize: WINDOW_BYTES },
      });
      temporalServer.upstreams.add(upstream);
      upstream.on('error', () => session.destroy());
      upstream.on('goaway', () => session.destroy()); // a server that stops takes no more calls
      upstream.on('close', () => {
        temporalServer.upstreams.delete(upstream);
        session.destroy();
      });
      session.on('error', () => upstream.destroy());
      session.on('close', () => upstream.destroy());
      session.on('stream', (stream, headers) => temporalServer.forward(stream, headers, upstream));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return temporalServer;
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return address.port;
  }

  async close(): Promise<void> {
    for (const upstream of this.upstreams) upstream.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private forward(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    upstream: ClientHttp2Session,
  ): void {
    if (upstream.destroyed || upstream.closed) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    const request = upstream.request(headers);
    stream.on('error', () => request.close(constants.NGHTTP2_CANCEL));
    stream.on('close', () => request.close(constants.NGHTTP2_CANCEL));
    request.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    request.on('close', () => {
      if (request.rstCode !== constants.NGHTTP2_NO_ERROR) stream.close(request.rstCode);
    });
    stream.pipe(request);
    const path = headers[':path'] ?? '';
    const timed = TIMED[path];
    const asked: Buffer[] = [];
    if (HANDING.includes(path)) stream.on('data', (chunk: Buffer) => asked.push(chunk));
    let trailers: IncomingHttpHeaders = {};
    request.on('trailers', (came: IncomingHttpHeaders) => void (trailers = came));
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    request.on('response', (answer, flags) => {
      if (stream.destroyed) return;
      const isOver = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      stream.respond(answer, isOver ? { endStream: true } : { waitForTrailers: true });
      if (isOver) return;
      const isWatched = this.rounds.isWatched && HANDING.includes(path);
      if (!timed || (this.clock.isTrue && !isWatched)) return void request.pipe(stream);
      this.forwardChanged(request, stream, timed, (message) => {
        if (isWatched) this.rounds.pass(message, Buffer.concat(asked));
        shiftTimes(message, this.clock);
      });
    });
  }

  private forwardChanged(
    request: ClientHttp2Stream,
    stream: ServerHttp2Stream,
    codec: Codec,
    change: (message: object) => void,
  ): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (!stream.destroyed) stream.end(changedMessage(Buffer.concat(chunks), codec, change));
    });
  }
}

/**
 * @param answer one gRPC message with its prefix; empty, or cut off, where the call failed. The server compresses
 *   its answer as the worker compressed its request, whatever the worker says that it accepts.
 * @returns the changed message, not compressed; a message that was cut off as it came
 */
function changedMessage(answer: Buffer, codec: Codec, change: (message: object) => void): Buffer {
  if (answer.length < PREFIX_BYTES) return answer;
  const bytes = answer.subarray(PREFIX_BYTES);
  if (bytes.length !== answer.readUInt32BE(1)) return answer;
  const message = codec.decode(answer[0] === COMPRESSED ? gunzipSync(bytes) : bytes);
  change(message);
  const body = codec.encode(message).finish();
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

function shiftTimes(message: object, clock: SkewedClock): void {
  if (isTimestamp(message)) return shift(message, clock);
  for (const value of Object.values(message) as unknown[])
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value])
      if (typeof each === 'object' && each !== null && !(each instanceof Uint8Array)) shiftTimes(each, clock);
}

/** Messages know their type, by reflection. */
function isTimestamp(message: object): message is google.protobuf.Timestamp {
  return (
    '$type' in message &&
    typeof message.$type === 'object' &&
    message.$type !== null &&
    'fullName' in message.$type &&
    message.$type.fullName === '.google.protobuf.Timestamp'
  );
}

function shift(timestamp: google.protobuf.Timestamp, clock: SkewedClock): void {
  const trueMs = Number(timestamp.seconds) * 1_000 + timestamp.nanos / 1_000_000;
  timestamp.seconds = timestamp.seconds.add(clock.aheadSeconds(trueMs));
}
