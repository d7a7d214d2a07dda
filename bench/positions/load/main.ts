/**
 * The load generator of bench -- positions, as a child process: sends pings of moving drivers over keep-alive
 * connections with one request at a time each, and counts the answers. A separate process, so that its CPU
 * does not count as the server's.
 */
import { performance } from 'node:perf_hooks';
import { percentileOf } from '../../../simulator/client/latencies';
import { type LoadKind, loadOrder, type LoadReport } from '../protocol';
import { LoadConnection } from './connection';
import { POSITIONS_PER_BATCH, fleetOf, nextBody, pathOf, type Rider } from './fleet';

let fleet: Rider[] = [];
let connections = 1;

process.on('message', (message) => {
  const order = loadOrder.parse(message);
  if (order.order === 'ride') {
    fleet = fleetOf(order.drivers, order.center);
    connections = order.connections;
    return;
  }
  send(order.port, order.kind, order.seconds).then(
    (report) => process.send?.(report),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
// The parent has exited.
process.once('disconnect', () => process.exit(0));

async function send(port: number, kind: LoadKind, seconds: number): Promise<LoadReport> {
  const open = await Promise.all(Array.from({ length: connections }, () => LoadConnection.open(port)));
  const [begun, cpuBefore] = [performance.now(), process.cpuUsage()];
  const until = begun + seconds * 1_000;
  const took: number[] = [];
  let refused = 0;
  // Each driver belongs to one connection: a device sends one ping after the other.
  const keepSending = async (connection: LoadConnection, riders: readonly Rider[]): Promise<void> => {
    for (let turn = 0, sentAt = performance.now(); sentAt < until; turn += 1) {
      const rider = riders[turn % riders.length];
      if (!rider) return;
      if (
        (await connection.post(pathOf(rider, kind), rider.token, nextBody(rider, kind, Date.now()))) !== 200
      )
        refused += 1;
      const now = performance.now();
      took.push(now - sentAt);
      sentAt = now;
    }
  };
  await Promise.all(
    open.map((connection, index) =>
      keepSending(
        connection,
        fleet.filter((_, at) => at % connections === index),
      ),
    ),
  );
  const passed = (performance.now() - begun) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  for (const connection of open) connection.close();
  return {
    requests: took.length,
    positions: (took.length - refused) * (kind === 'batch' ? POSITIONS_PER_BATCH : 1),
    seconds: passed,
    refused,
    p50Ms: percentileOf(took, 50) ?? 0,
    p99Ms: percentileOf(took, 99) ?? 0,
    cpuSeconds: (user + system) / 1e6,
  };
}
