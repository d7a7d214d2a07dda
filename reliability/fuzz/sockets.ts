import { io, type Socket } from 'socket.io-client';
import { pause, poll } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';
import type { Secret } from './judge';

/** `isAdmitted`: the token is valid for a socket. Only drivers send events. */
export type SocketCaller = { name: string; token: string | null; isAdmitted: boolean; isDriver: boolean };

export type SocketFigures = {
  connected: number;
  refused: number;
  sent: number;
  floods: number;
  dropped: number;
  broken: string[];
};

/** Refusals of those who may come in, for they come too often. */
const TOO_MANY: readonly unknown[] = ['TOO_MANY_CONNECTIONS', 'TOO_MANY_REQUESTS'];
const REFUSALS: readonly unknown[] = ['UNAUTHORIZED', 'FORBIDDEN', 'SUSPENDED', ...TOO_MANY];
const EVENTS = [
  'OFFER_SEEN',
  'OFFER_SEEN',
  'OFFER_SEEN',
  'STATE',
  'DELIVERY_OFFERED_V2',
  'join',
  'message',
  '__proto__',
  'constructor',
  'toString',
  'x'.repeat(500),
  '',
  '\u0000',
  '😀',
];
/** Malformed Engine.IO and Socket.IO packets that no client library sends. */
const RAW_PACKETS = [
  '4',
  '42',
  '42[',
  '42["OFFER_SEEN"',
  '42{}',
  '42[]',
  '42[null]',
  '42["OFFER_SEEN",{"offerId":1}]',
  '40/admin,',
  '41',
  '43[]',
  '439999[{}]',
  '44{}',
  '45-',
  '451-["OFFER_SEEN",{"_placeholder":true,"num":0}]',
  '4510000-["a"]',
  '42["disconnect"]',
  '42["__proto__",{}]',
  '9',
  'x',
  '',
  '3',
  '2probe',
  '6',
  '42999999999999999999["OFFER_SEEN",{}]',
  `42["OFFER_SEEN",${'['.repeat(6_000)}]`,
];
const TOO_LONG = 20_000;
const TOO_MANY_EVENTS = 200;
const SETTLE_MS = 5_000;

/**
 * Opens and abuses connections until the signal, while listeners of each kind stay idle and must stay
 * connected.
 * @param callers by name; those without a valid token must be refused, the others admitted
 */
export async function fuzzSockets({
  apiUrl,
  callers,
  bystanders,
  ids,
  secrets,
  random,
  signal,
}: {
  apiUrl: string;
  callers: readonly SocketCaller[];
  bystanders: readonly SocketCaller[];
  ids: () => readonly string[];
  secrets: readonly Secret[];
  random: Random;
  signal: AbortSignal;
}): Promise<SocketFigures> {
  const figures: SocketFigures = { connected: 0, refused: 0, sent: 0, floods: 0, dropped: 0, broken: [] };
  const listen = (socket: Socket, name: string): void =>
    void socket.onAny((event: string, body: unknown) => {
      const text = JSON.stringify([body]);
      for (const secret of secrets)
        if (!secret.seenBy.has(name) && text.includes(secret.text))
          figures.broken.push(`${name} received ${event} with data of another tenant: ${secret.text}`);
    });
  const watched = bystanders.map((each) => bystand(apiUrl, each, listen, figures));
  while (!signal.aborted && figures.broken.length === 0) {
    const caller = random.pick(callers);
    const socket = io(apiUrl, {
      auth: authOf(caller.token, random),
      autoConnect: false,
      reconnection: false,
      forceNew: true,
      transports: random.chance(0.2) ? ['polling'] : ['websocket'],
    });
    listen(socket, caller.name);
    await visit(socket, caller, { figures, random, ids });
    socket.disconnect();
    await pause(random.between(0, 50), signal);
  }
  for (const { socket } of watched)
    if (!socket.connected)
      await poll(async () => (socket.connected ? true : undefined), {
        everyMs: 100,
        deadlineAt: Date.now() + SETTLE_MS,
      });
  for (const { name, socket } of watched)
    if (!socket.connected) figures.broken.push(`the idle listener ${name} is not connected at the end`);
  for (const { socket } of watched) socket.disconnect();
  return figures;
}

function bystand(
  apiUrl: string,
  { name, token }: SocketCaller,
  listen: (socket: Socket, name: string) => void,
  figures: SocketFigures,
): { name: string; socket: Socket } {
  const socket = io(apiUrl, { auth: { token }, forceNew: true, transports: ['websocket'] });
  listen(socket, name);
  socket.on(
    'disconnect',
    (reason) =>
      void (
        reason === 'io client disconnect' ||
        figures.broken.push(`the idle listener ${name} was disconnected: ${reason}`)
      ),
  );
  socket.on('connect_error', ({ message }) =>
    figures.broken.push(`the idle listener ${name} could not connect: ${message}`),
  );
  return { name, socket };
}

/** A valid token is kept; a missing one is left out in various ways. */
function authOf(token: string | null, random: Random): Record<string, unknown> {
  return token === null
    ? random.pick<Record<string, unknown>>([
        {},
        { token: null },
        { token: '' },
        { token: 'x' },
        { token: { $ne: 1 } },
        { token: ['a'] },
        { token: 'a.b.c' },
        { token: 'x'.repeat(9_000) },
      ])
    : { token };
}

type Visit = { figures: SocketFigures; random: Random; ids: () => readonly string[] };
type Wild = Visit & { isDriver: boolean };

async function visit(
  socket: Socket,
  { name, isAdmitted, isDriver }: SocketCaller,
  { figures, random, ids }: Visit,
): Promise<void> {
  const came = await connected(socket);
  if (came !== 'connected') {
    figures.refused += 1;
    const isExpected =
      came.code === undefined
        ? came.isTransport
        : REFUSALS.includes(came.code) && (!isAdmitted || TOO_MANY.includes(came.code));
    if (!isExpected)
      figures.broken.push(`${name} was refused in an undocumented way: ${JSON.stringify(came)}`);
    return;
  }
  figures.connected += 1;
  if (!isAdmitted) return void figures.broken.push(`${name} was admitted without a valid token`);
  await random.pick([odd, odd, odd, raw, raw, flood, tooLong])(socket, { figures, random, ids, isDriver });
  if (!socket.connected) figures.dropped += 1;
}

type Refused = { code?: unknown; message: string; isTransport: boolean };

function connected(socket: Socket): Promise<'connected' | Refused> {
  return new Promise((resolve) => {
    socket.once('connect', () => resolve('connected'));
    socket.once('connect_error', (error: Error & { data?: { code?: unknown } }) =>
      resolve({ code: error.data?.code, message: error.message, isTransport: socket.active }),
    );
    socket.connect();
  });
}

/** Events with odd names and payloads. OFFER_SEEN of a driver must be acknowledged whatever its payload. */
async function odd(socket: Socket, { figures, random, ids, isDriver }: Wild): Promise<void> {
  for (let left = 5; left > 0 && socket.connected; left -= 1) {
    const [event, payload] = [random.pick(EVENTS), payloadOf(random, ids())];
    figures.sent += 1;
    if (event !== 'OFFER_SEEN' || !isDriver) {
      socket.emit(event, payload, payload);
      continue;
    }
    const answer: unknown = await socket
      .timeout(SETTLE_MS)
      .emitWithAck(event, payload)
      .catch((error: unknown) => ({ error: String(error) }));
    const isNoted =
      typeof answer === 'object' && answer !== null && 'noted' in answer && typeof answer.noted === 'boolean';
    if (!isNoted)
      figures.broken.push(
        `OFFER_SEEN with ${JSON.stringify([payload]).slice(0, 200)} was answered with ${JSON.stringify(answer)}`,
      );
  }
}

function payloadOf(random: Random, ids: readonly string[]): unknown {
  const offerId = random.pick(ids);
  const payloads: readonly unknown[] = [
    { offerId },
    { offerId },
    { offerId, surplus: 1 },
    { offerId: 'x' },
    { offerId: '\u0000' },
    { offerId: '\ud800' },
    { offerId: offerId.toUpperCase() },
    null,
    undefined,
    '',
    0,
    [],
    {},
    [[[]]],
    'x'.repeat(4_000),
    { offerId: { offerId } },
    Buffer.from('binary'),
    { offerId: Buffer.from('x') },
    1e308,
    true,
  ];
  return payloads[Math.floor(random.next() * payloads.length)];
}

async function raw(socket: Socket, { figures, random }: Visit): Promise<void> {
  figures.sent += 1;
  // Written to the transport directly: no Socket.IO client sends this.
  socket.io.engine.write(random.pick(RAW_PACKETS).replace(/^4/, ''));
  socket.io.engine.transport.send([
    { type: 'message', data: random.pick(RAW_PACKETS), options: { compress: false } },
  ]);
  await pause(20);
}

async function flood(socket: Socket, { figures, random, ids }: Visit): Promise<void> {
  figures.floods += 1;
  for (let left = TOO_MANY_EVENTS; left > 0; left -= 1)
    socket.emit(random.pick(EVENTS), { offerId: random.pick(ids()) });
  const isDropped = await poll(async () => (socket.connected ? undefined : true), {
    everyMs: 20,
    deadlineAt: Date.now() + SETTLE_MS,
  });
  if (!isDropped) figures.broken.push(`${TOO_MANY_EVENTS} events at once did not disconnect the socket`);
}

async function tooLong(socket: Socket, { figures }: Visit): Promise<void> {
  figures.sent += 1;
  socket.emit('OFFER_SEEN', { offerId: 'x'.repeat(TOO_LONG) });
  const isDropped = await poll(async () => (socket.connected ? undefined : true), {
    everyMs: 20,
    deadlineAt: Date.now() + SETTLE_MS,
  });
  if (!isDropped) figures.broken.push(`a message of ${TOO_LONG} bytes did not disconnect the socket`);
}
