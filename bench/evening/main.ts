/**
 * npm run bench -- evening [--minutes 10] [--drivers 50] [--overload 3] [--plenty 250] [--speed 40]
 *                          [--time-scale 5] [--seed TEXT] [--matching]
 *
 * A bad evening: for some minutes, orders come in an open loop, more than the drivers on duty can carry. Then
 * plenty of drivers come on duty, until each order of the bad minutes has a driver. Drivers take a while to
 * answer, accept seven of ten offers, reject two and let one lapse. Starts worker and API on the given
 * PostgreSQL, Redis and Temporal. Chat and pager are replaced by a server of this process.
 *
 *   --overload     orders as a multiple of what the drivers can carry
 *   --plenty       drivers on duty afterwards; five times as many where it is left out
 *   --speed        drivers ride and hand over so many times faster than in life
 *   --time-scale   divides the service's own durations: offers, searches, escalation
 *   --matching     with the feature batch_matching
 *
 * A line a minute and a table go to stderr, one line of JSON to stdout.
 * Exit code: 0 = all goals of bench/evening/verdict.ts were met, 1 = a goal was missed, 2 = invalid arguments
 * or settings.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { connect, type Connections } from '../../simulator/client/connections';
import { DEMO_CITY } from '../../simulator/demo/city';
import { type InspectorSettings, readInspectorSettings } from '../../simulator/kit/environment';
import { pause, poll } from '../../simulator/kit/pause';
import { log, runProgram } from '../../simulator/kit/program';
import { randomFrom } from '../../simulator/kit/random';
import { Closing } from '../closing';
import { percentilesOf } from '../latency/samples';
import { machine, serverVersions } from '../machine';
import { pidsOf } from '../pids';
import { startService, stopService } from '../service';
import { EveningCity } from './city';
import { eveningEnvironment, type EscalationSeconds, readService } from './environment';
import { fairnessOf } from './fairness';
import { type Happened, type StretchFigures, stretchesOf, stretchFigures } from './figures';
import { type EveningMeters, type EveningReading, readEvening } from './meters';
import { noticeFigures } from './notices';
import { type NoticeSink, startNoticeSink } from './noticeSink';
import { firstOffers, offersOnceFree } from './offers';
import { type Options, readOptions } from './options';
import { EveningRecord } from './record';
import { GOALS, isBacklogAsLarge, problemsOf } from './verdict';

const RETRY_FOR_MS = 60_000;
const MINUTE_MS = 60_000;
const LOOK_EVERY_MS = 1_000;
const ON_DUTY_WITHIN_MS = 120_000;
/** A backlog that is not gone by then counts as not gone. */
const RELIEF_WITHIN_MS = 20 * MINUTE_MS;
/** The SDK's warning of a workflow task that took over five seconds. */
const SLOW_TASK = 'TMPRL1104';
/** How often the delay of this process is looked at. It is part of what is then measured. */
const LAG_EVERY_MS = 20;

async function main(signal: AbortSignal): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const settings = readInspectorSettings(process.env);
  const opened = new Closing();
  try {
    const sink = opened.after(await startNoticeSink(), (each) => each.close());
    const env = eveningEnvironment(process.env, options, sink);
    const { escalationSeconds } = readService(env, options);
    const evening = await open({ settings, env, options, sink, opened, signal });
    await play(evening, options, signal);
    signal.throwIfAborted();
    return await conclude(evening, options, escalationSeconds, settings);
  } finally {
    await opened.all();
  }
}

type Evening = {
  city: EveningCity;
  record: EveningRecord;
  meters: EveningMeters;
  sink: NoticeSink;
  connections: Connections;
  /** The first is taken when orders begin. `turn`: when plenty of drivers come, its place among them. */
  readings: EveningReading[];
  turn: number;
  /** How long after that no order of the bad minutes was without a driver; null: it was not reached. */
  clearedAfterMs: number | null;
  /** How late this process was, in ms. */
  lag: ReturnType<typeof monitorEventLoopDelay>;
};

type Opening = {
  settings: InspectorSettings;
  env: NodeJS.ProcessEnv;
  options: Options;
  sink: NoticeSink;
  opened: Closing;
  signal: AbortSignal;
};

async function open({ settings, env, options, sink, opened, signal }: Opening): Promise<Evening> {
  let slowTasks = 0;
  const onWorkerLine = (line: string): void => {
    if (line.includes(SLOW_TASK)) slowTasks += 1;
  };
  const service = opened.after(await startService(env, null, onWorkerLine), stopService);
  const db = opened.after(
    new Client({ connectionString: settings.databaseUrl, application_name: 'evening bench' }),
    (client) => client.end(),
  );
  const redis = opened.after(new Redis(settings.redisUrl), async (client) => void (await client.quit()));
  await db.connect();
  const record = opened.after(new EveningRecord(settings.databaseUrl, DEMO_CITY.cityId, Date.now()), (each) =>
    each.close(),
  );
  const connections = connect(settings, { retryForMs: RETRY_FOR_MS, signal });
  const city = opened.after(
    await EveningCity.open(connections, options, randomFrom(options.seed), log),
    (each) => each.close(),
  );
  const meters: EveningMeters = {
    workerUrl: service.worker.url,
    apiUrl: service.api.url,
    pids: pidsOf(service, null, { ...settings, temporalAddress: env.TEMPORAL_ADDRESS ?? '' }),
    db,
    redis,
    clock: Date.now,
    countWaiting: () => record.waiting(Date.now() + MINUTE_MS),
    slowTasks: () => slowTasks,
  };
  const lag = opened.after(
    monitorEventLoopDelay({ resolution: LAG_EVERY_MS }),
    (each) => void each.disable(),
  );
  return { city, record, meters, sink, connections, readings: [], turn: 0, clearedAfterMs: null, lag };
}

async function play(evening: Evening, options: Options, signal: AbortSignal): Promise<void> {
  const { city, readings, lag } = evening;
  await bringOnDuty(evening, options.drivers, signal);
  log(`${options.drivers} drivers are on duty; orders come, ${options.overload} times what they can carry`);
  lag.enable();
  await read(evening);
  city.startOrders();
  await rush(evening, options.minutes * MINUTE_MS, signal);
  evening.turn = readings.length - 1;
  const turnedAt = Date.now();
  log(`plenty: ${options.plenty} drivers are on duty; ${readings.at(-1)?.waiting ?? 0} orders wait`);
  city.calmDown();
  const coming = city.comeOnDuty(options.plenty, signal);
  evening.clearedAfterMs = await relief(evening, turnedAt, signal);
  await coming;
  await city.close();
  lag.disable();
}

/** @throws Error where not all are on duty in time */
async function bringOnDuty({ city, record }: Evening, count: number, signal: AbortSignal): Promise<void> {
  await city.comeOnDuty(count, signal);
  const areAll = async (): Promise<true | undefined> => ((await record.onDuty()) >= count ? true : undefined);
  const deadlineAt = Date.now() + ON_DUTY_WITHIN_MS;
  if (!(await poll(areAll, { everyMs: 200, deadlineAt, signal })) && !signal.aborted)
    throw new Error(`not all ${count} drivers came on duty`);
}

/** Equal stretches of about a minute. */
async function rush(evening: Evening, forMs: number, signal: AbortSignal): Promise<void> {
  const count = Math.max(1, Math.round(forMs / MINUTE_MS));
  const startedAt = Date.now();
  for (let number = 1; number <= count && !signal.aborted; number += 1) {
    await pause(startedAt + (number * forMs) / count - Date.now(), signal);
    await read(evening);
  }
}

/** @returns after how long no order placed before was without a driver; null where it was not reached */
async function relief(evening: Evening, turnedAt: number, signal: AbortSignal): Promise<number | null> {
  let readAt = turnedAt;
  const isGone = async (): Promise<number | undefined> => {
    if (Date.now() - readAt >= MINUTE_MS) {
      readAt += MINUTE_MS;
      await read(evening);
    }
    return (await evening.record.waiting(turnedAt)) === 0 ? Date.now() - turnedAt : undefined;
  };
  const deadlineAt = turnedAt + RELIEF_WITHIN_MS;
  const cleared = await poll(isGone, { everyMs: LOOK_EVERY_MS, deadlineAt, signal });
  await read(evening);
  return cleared ?? null;
}

async function read({ readings, meters, city, sink }: Evening): Promise<void> {
  const [first, before, now] = [readings[0], readings.at(-1), await readEvening(meters)];
  readings.push(now);
  if (!first || !before) return;
  const seconds = (now.at - before.at) / 1_000;
  const cores = (part: 'worker' | 'temporal' | 'postgres'): string =>
    (((now.cpuSeconds[part] ?? 0) - (before.cpuSeconds[part] ?? 0)) / seconds).toFixed(2);
  const { count, p99 } = percentilesOf(
    city.latencies
      .of('accept')
      .filter(({ at }) => at >= before.at)
      .map(({ ms }) => ms),
  );
  log(
    [
      `minute ${((now.at - first.at) / MINUTE_MS).toFixed(1)}: ${now.waiting} wait`,
      `${now.looks - before.looks} looks, ${count} answers to accepts, p99 ${p99 ?? '-'} ms`,
      `cores: worker ${cores('worker')}, Temporal ${cores('temporal')}, PostgreSQL ${cores('postgres')}`,
      `worker ${Math.round((now.memoryBytes.worker ?? 0) / 1e6)} MB`,
      `${sink.received.length} notices`,
    ].join('; '),
  );
}

async function conclude(
  evening: Evening,
  options: Options,
  escalationSeconds: EscalationSeconds,
  settings: InspectorSettings,
): Promise<number> {
  const { city, record, readings, turn, sink, connections, clearedAfterMs, lag } = evening;
  const [first, turned, last] = [readings[0], readings[turn], readings.at(-1)];
  if (!first || !turned || !last) throw new Error('the evening has no readings');
  const evidence = { ...(await record.rows()), sentAt: city.sentAt, arrivals: city.arrivals };
  const happened: Happened = {
    ...evidence,
    accepts: city.latencies.of('accept'),
    offerLatencies: offersOnceFree(evidence),
    notices: sink.received,
  };
  const minutes = stretchesOf(readings, happened);
  const whole = stretchFigures(first, last, happened);
  const phases = {
    rush: stretchFigures(first, turned, happened),
    relief: stretchFigures(turned, last, happened),
  };
  const peak = minutes[turn - 1] ?? phases.rush;
  const { kept, waited } = firstOffers(evidence);
  const notices = noticeFigures(sink.received);
  const fairness = fairnessOf(evidence, { before: turned.at, endedAt: last.at });
  const answers = city.answers;
  const problems = problemsOf({
    whole,
    phases,
    peak,
    pages: notices.pages,
    fairness,
    unansweredAccepts: answers.unanswered,
    failures: city.failures,
  });
  log(table({ rush: phases.rush, 'last minute of it': peak, relief: phases.relief }));
  log(
    `escalation after ${escalationSeconds[1]}, ${escalationSeconds[2]} and ${escalationSeconds[3]} s, ` +
      `repeated every ${escalationSeconds.repeat} s (TIME_SCALE ${options.timeScale})`,
  );
  if (!isBacklogAsLarge(peak))
    log(`only ${peak.waiting} waited: the goal for CPU is for ${GOALS.coresAtWaiting}`);
  for (const problem of problems) log(`broken: ${problem}`);
  process.stdout.write(
    `${JSON.stringify({
      ...options,
      escalationSeconds,
      ...whole,
      firstOfferMs: percentilesOf(kept.map(({ ms }) => ms)),
      firstOffersThatWaited: waited,
      notices,
      backlog: turned.waiting,
      backlogGoneAfterMinutes: clearedAfterMs === null ? null : Math.round(clearedAfterMs / 600) / 100,
      fairness,
      workerMbMost: Math.max(...minutes.map(({ workerMb }) => workerMb ?? 0)),
      answeredTooLate: answers.tooLate,
      unansweredAccepts: answers.unanswered,
      retries: connections.retries(),
      lagP99Ms: Math.max(0, Math.round(lag.percentile(99) / 1e6) - LAG_EVERY_MS),
      phases: { ...phases, peak },
      byMinute: minutes,
      goals: GOALS,
      problems,
      ...machine(),
      ...(await serverVersions(settings)),
    })}\n`,
  );
  return problems.length === 0 ? 0 : 1;
}

function table(stretches: Readonly<Record<string, StretchFigures>>): string {
  const row = (cells: readonly (string | number | null)[]): string =>
    cells.map((cell, at) => (at === 0 ? String(cell).padEnd(20) : String(cell ?? '-').padStart(11))).join('');
  return [
    '',
    row(['', 'waiting', 'looks', 'accepts', 'looks each', 'accept p99', 'offer p99']),
    ...Object.entries(stretches).map(([name, each]) =>
      row([
        name,
        each.waiting,
        each.looks,
        each.accepts,
        each.looksAnAccept,
        each.acceptMs.p99,
        each.offerMs.p99,
      ]),
    ),
    row(['cores', 'worker', 'api', 'temporal', 'postgres', 'redis', 'load']),
    ...Object.entries(stretches).map(([name, { cores }]) =>
      row([name, cores.worker, cores.api, cores.temporal, cores.postgres, cores.redis, cores.load]),
    ),
    '',
  ].join('\n');
}

runProgram(main);
