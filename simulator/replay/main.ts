/**
 * npm run replay -- --day FOLDER --speed 60 --plan plan.csv [--until MINUTE] [--matching]
 *   [--refuse 0.2] [--lapse 0.1] [--answer-seconds 10] [--seed 1]
 *
 * Plays a day of the Meal Delivery Routing Problem set. It starts a worker and an API on the given
 * PostgreSQL, Redis and Temporal. It writes the assignments as a plan for mdrp_evaluate.py; see
 * docs/replay.md. The last line of stdout is JSON.
 * Exit code: 0 = played; 1 = the service broke a promise, or the replay failed; 2 = wrong arguments, settings
 * or files; 3 = the machine did not keep up with the speed.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { UsageError, numberOf } from '../kit/arguments';
import { connect } from '../client/connections';
import { readInspectorSettings } from '../kit/environment';
import { figuresOf } from '../kit/figures';
import { Inspection } from '../kit/inspection';
import { pause } from '../kit/pause';
import { log, runProgram } from '../kit/program';
import { startApi, startWorker } from '../kit/processes';
import type { RecordedDelivery } from '../kit/record';
import { type Day, readDay } from './day';
import { judgeSpeed, LAG_KINDS } from './lag';
import { planCsv, planMinute, type PlanRow } from './plan';
import { Replay, type ReplayEnd, type ReplayOptions } from './replay';
import { serviceEnvironment } from './settings';

type Options = ReplayOptions & { day: string; plan: string; isMatching: boolean };

const PROGRESS_EVERY_MS = 15_000;
const RETRY_FOR_MS = 60_000;

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      day: { type: 'string' },
      speed: { type: 'string', default: '60' },
      plan: { type: 'string', default: 'plan.csv' },
      until: { type: 'string' },
      refuse: { type: 'string', default: '0' },
      lapse: { type: 'string', default: '0' },
      'answer-seconds': { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      matching: { type: 'boolean', default: false },
    },
  });
  if (values.day === undefined)
    throw new UsageError(
      '--day FOLDER is required: a folder with orders.txt, couriers.txt, restaurants.txt and ' +
        'instance_parameters.txt',
    );
  const refuse = numberOf('--refuse', values.refuse, { min: 0, max: 0.9 });
  return {
    day: values.day,
    refuse,
    lapse: numberOf('--lapse', values.lapse, { min: 0, max: 0.9 - refuse }),
    answerSeconds: numberOf('--answer-seconds', values['answer-seconds'], { min: 0, max: 60 }),
    seed: values.seed,
    isMatching: values.matching,
    plan: values.plan,
    speed: numberOf('--speed', values.speed, { min: 0.1, max: 1_000 }),
    untilMinute:
      values.until === undefined ? null : numberOf('--until', values.until, { min: 0, max: 10_000 }),
  };
}

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const day = await readDay(options.day);
  const settings = readInspectorSettings(process.env);
  const env = serviceEnvironment(day.rules, options, process.env);
  const services = await Promise.all([startWorker(env), startApi(env)]);
  const inspection = await Inspection.open(settings);
  try {
    await Promise.all(services.map((service) => service.ready()));
    const replay = new Replay(
      { day, connections: connect(settings, { retryForMs: RETRY_FOR_MS, signal }), log },
      options,
    );
    return await play(replay, { day, options, inspection, signal });
  } finally {
    await inspection.close();
    await Promise.all(services.map((service) => service.stop()));
  }
}

type Playing = { day: Day; options: Options; inspection: Inspection; signal: AbortSignal };

async function play(replay: Replay, { day, options, inspection, signal }: Playing): Promise<number> {
  log(
    `playing ${day.orders.length} orders and ${day.couriers.length} couriers of ${options.day}` +
      ` at ${options.speed} times their speed`,
  );
  const ended = new AbortController();
  void logProgress(replay, AbortSignal.any([signal, ended.signal]));
  const end = await replay.play(
    async (deliveryIds) => (await inspection.openCount(deliveryIds)) === 0,
    signal,
  );
  ended.abort();
  const seen = await inspection.collectEvidence({
    deliveryIds: [...replay.orderIds.keys()],
    driverIds: [...replay.courierIds.keys()],
  });
  await writeFile(options.plan, planCsv(planOf(replay, seen.deliveries)));
  log(`${END_WORDS[end]}; the plan is in ${options.plan}`);
  return report(replay, { day, options, end, seen });
}

const END_WORDS: Readonly<Record<ReplayEnd, string>> = {
  ALL_ENDED: 'all orders have ended',
  NO_COURIER_LEFT: 'the last courier went home; orders that are still open stay undelivered',
  UNTIL: 'the day was cut short by --until',
  STOPPED: 'the day was stopped',
};

async function logProgress(replay: Replay, signal: AbortSignal): Promise<void> {
  while (await pause(PROGRESS_EVERY_MS, signal)) log(replay.progress());
}

/**
 * The plan of the real system: the assignments in PostgreSQL that stayed in force, on the day's clock.
 */
function planOf({ clock, orderIds, courierIds }: Replay, deliveries: readonly RecordedDelivery[]): PlanRow[] {
  return deliveries.flatMap(({ deliveryId, assignments }) => {
    const held = assignments.find(({ state }) => state === 'ACTIVE' || state === 'COMPLETED');
    const [orderId, courierId] = [orderIds.get(deliveryId), held && courierIds.get(held.driverId)];
    return held && orderId && courierId
      ? [{ assignedMinute: planMinute(clock.minuteOf(held.startedAt)), courierId, orderId }]
      : [];
  });
}

type Seen = Awaited<ReturnType<Inspection['collectEvidence']>>;

function report(
  replay: Replay,
  { day, options, end, seen }: Pick<Playing, 'day' | 'options'> & { end: ReplayEnd; seen: Seen },
): number {
  for (const { searchAt, createdAt, offers } of seen.deliveries)
    if (offers[0]?.round === 0) replay.lag.add('offer', Math.max(searchAt, createdAt), offers[0].createdAt);
  const { figures } = figuresOf({
    ...seen,
    acknowledged: replay.ledger.all(),
    sentAt: new Map(),
    offerArrivals: new Map(),
  });
  const verdict = judgeSpeed(replay.lag, options.speed);
  const lag = Object.fromEntries(LAG_KINDS.map((kind) => [kind, replay.lag.figures(kind)]));
  for (const kind of LAG_KINDS) {
    const of = replay.lag.figures(kind);
    if (of)
      log(
        `lag of ${kind.padEnd(5)} ${of.count} samples: p50 ${of.p50Ms} ms, ` +
          `p95 ${of.p95Ms} ms (${minutes(of.p95Ms, options.speed)} minutes of the day), max ${of.maxMs} ms`,
      );
  }
  const { deliveries, delivered, offers, accepted, rejected, expired, lostAcks, historyEventsMedian } =
    figures;
  process.stdout.write(
    `${JSON.stringify({
      day: options.day,
      speed: options.speed,
      matching: options.isMatching,
      refuse: options.refuse,
      lapse: options.lapse,
      answerSeconds: options.answerSeconds,
      end,
      orders: day.orders.length,
      placed: deliveries,
      assigned: planOf(replay, seen.deliveries).length,
      delivered,
      offers,
      accepted,
      rejected,
      expired,
      clickToDoorMeanMin: clickToDoorMean(replay, day),
      historyEventsMedian,
      lostAcks,
      lag,
      speedHeld: verdict.held,
    })}\n`,
  );
  if (!verdict.held) {
    log(
      `This machine is too slow for speed ${options.speed}: the p95 lag of "${verdict.kind}" is ` +
        `${verdict.lagMinutes.toFixed(1)} minutes of the day, so the plan is not valid. ` +
        `Try --speed ${verdict.highestSpeed}.`,
    );
    return lostAcks === 0 ? 3 : 1; // a lost acknowledgement outranks an invalid plan
  }
  return lostAcks === 0 && end !== 'STOPPED' ? 0 : 1;
}

function minutes(ms: number, speed: number): string {
  return ((ms * speed) / 60_000).toFixed(2);
}

/** Figures of the carried orders, by the couriers' own times. mdrp_evaluate.py gives the final figures. */
function clickToDoorMean({ couriers }: Replay, { orders }: Day): number | null {
  const placement = new Map(orders.map(({ id, placementMinute }) => [id, placementMinute]));
  const clicks = couriers.flatMap(({ carried }) =>
    carried.map(({ orderId, times }) => times.drop - (placement.get(orderId) ?? 0)),
  );
  return clicks.length === 0
    ? null
    : Math.round((100 * clicks.reduce((sum, each) => sum + each, 0)) / clicks.length) / 100;
}

runProgram(main);
