/**
 * A lost API process sends all its sockets to the next one. Two thousand drivers reconnect to it at once, each to
 * be sent its state, and the requests beside them are answered.
 */
import { createHmac } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { io, type Socket } from 'socket.io-client';
import { v7 as newId } from 'uuid';
import { eventually } from '../support/eventually';
import { CENTER, LiveSystem, LOCAL_KEY } from '../support/liveSystem';

const SOCKETS = 2_000;
const CITY = 'crowded';
/** Most requests; starved ones wait until most of the states are read, which takes several times as long. */
const WITHIN_MS = 1_000;

let system: LiveSystem;
const sockets: Socket[] = [];
beforeAll(async () => {
  system = await LiveSystem.start();
}, 120_000);
afterAll(async () => {
  for (const socket of sockets) socket.disconnect();
  await system.close();
}, 60_000);

function tokenOf(claims: Record<string, unknown>): string {
  const inAnHour = Math.floor(Date.now() / 1_000) + 3_600;
  const [head, body] = [
    { alg: 'HS256' },
    { iss: 'driver-service', aud: 'driver-service', iat: inAnHour - 3_600, exp: inAnHour, ...claims },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  const signature = createHmac('sha256', LOCAL_KEY).update(`${head}.${body}`).digest('base64url');
  return `${head}.${body}.${signature}`;
}

async function addDrivers(): Promise<string[]> {
  const { db } = system.parts;
  await db.city.create({
    data: {
      id: CITY,
      name: CITY,
      timezone: 'UTC',
      currency: 'EUR',
      centerLat: CENTER.lat,
      centerLng: CENTER.lng,
    },
  });
  const ids = Array.from({ length: SOCKETS }, () => newId());
  await db.driver.createMany({
    data: ids.map((id) => ({ id, cityId: CITY, name: 'Sam', vehicleKind: 'CAR', offerVersion: 2 })),
  });
  return ids;
}

/** Counts the states that each socket was sent, over all its connections. */
function connectAll(driverIds: readonly string[]): Map<string, number> {
  const states = new Map<string, number>();
  for (const driverId of driverIds) {
    const socket = io(system.parts.apiUrl, {
      auth: { token: tokenOf({ sub: driverId, role: 'driver' }) },
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: 500,
      reconnectionDelayMax: 2_000,
    });
    socket.on('STATE', () => states.set(driverId, (states.get(driverId) ?? 0) + 1));
    sockets.push(socket);
  }
  return states;
}

const allHave = (states: Map<string, number>, count: number): boolean =>
  states.size === SOCKETS && [...states.values()].every((each) => each >= count);

/**
 * Asks for a page of PostgreSQL, one request after the other, on a thread of its own: this one is busy with the
 * sockets. A process that does not listen yet is asked again.
 */
const REQUESTER = `
const { parentPort, workerData: { url, authorization } } = require('node:worker_threads');
let isOver = false;
parentPort.on('message', () => (isOver = true));
(async () => {
  const answers = [];
  while (!isOver) {
    const begun = performance.now();
    const answer = await fetch(url, { headers: { authorization } }).catch(() => null);
    if (answer) await answer.text();
    if (answer) answers.push({ status: answer.status, ms: performance.now() - begun });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  parentPort.postMessage(answers);
})();`;

type Answer = { status: number; ms: number };

function startRequests(): { stop(): Promise<Answer[]> } {
  const authorization = `Bearer ${tokenOf({ sub: 'olga', role: 'ops', cities: '*' })}`;
  const url = `${system.parts.apiUrl}/v2/ops/escalations`;
  const worker = new Worker(REQUESTER, { eval: true, workerData: { url, authorization } });
  return {
    stop: async () => {
      const answers = new Promise<Answer[]>((resolve) => worker.once('message', resolve));
      worker.postMessage('over');
      const all = await answers;
      await worker.terminate();
      return all;
    },
  };
}

test('requests are answered while two thousand sockets come over from a lost process', async () => {
  const states = connectAll(await addDrivers());
  await eventually('all have their state', async () => allHave(states, 1), { withinMs: 120_000 });
  await system.kill('api');
  const requests = startRequests();
  const from = performance.now();
  await system.startAgain('api');
  await eventually('all have their state again', async () => allHave(states, 2), { withinMs: 120_000 });
  const answers = await requests.stop();
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? NaN);
  process.stderr.write(
    `sockets: ${SOCKETS} came over in ${Math.round(performance.now() - from)} ms; ${answers.length} requests ` +
      `beside them: median ${at(0.5)} ms, 95 % within ${at(0.95)} ms, slowest ${at(1)} ms\n`,
  );
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  expect(answers.length).toBeGreaterThan(20);
  expect(at(0.95)).toBeLessThan(WITHIN_MS);
}, 300_000);
