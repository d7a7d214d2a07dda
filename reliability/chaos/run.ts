import { Redis } from 'ioredis';
import type { Violation } from '../checker/violation';
import type { CheckCounts } from '../checker/checker';
import { connect, type Connections } from '../../simulator/client/connections';
import { Demo, settledFigures, untilAllEnded } from '../../simulator/demo/demo';
import { DEMO_CITY } from '../../simulator/demo/city';
import { buildDemoWorld, type DemoWorld } from '../../simulator/demo/world';
import type { InspectorSettings } from '../../simulator/kit/environment';
import { Fleet, type MemberSetup } from '../../simulator/kit/fleet';
import { freePort } from '../../simulator/kit/freePort';
import { Inspection } from '../../simulator/kit/inspection';
import { SimulatedOps } from '../../simulator/people/simulatedOps';
import { pause } from '../../simulator/kit/pause';
import { randomFrom } from '../../simulator/kit/random';
import { CpuContention } from './cpuContention';
import { runRestoreDrill } from './restoreDrill';
import { SkewedTemporal } from './skewedTemporal';
import { doFaults, type DoneFault, FaultClock, Proxies } from './faults';
import { Judge } from './judge';
import { MatchingHarm } from './matchingHarm';
import { RequestFaults } from './requestFaults';
import { MEMBERS, type MemberName, type PlannedFault } from './plan';
import { AnswerWatch, type Recoveries, recoveriesOf } from './recovery';
import type { Servers } from './servers';
import { CHAOS_SKEW, CHAOS_SPEED, CHAOS_FLEET_BEHAVIOUR, chaosEnvironment } from './settings';
import { type HumanAction, HumanActions } from './humanActions';

export type ChaosOptions = {
  seed: string;
  seconds: number;
  drivers: number;
  everyMs: number;
  /** Of how many deliveries the city's matching looks for the driver; 0 = it is off. */
  matchingPercent: number;
  plan: readonly PlannedFault[];
};

/**
 * The parts of a run. `env`: the environment of our processes, except for the addresses, which are those of
 * the proxies.
 */
export type ChaosParts = {
  settings: InspectorSettings;
  temporalAddress: string;
  env: NodeJS.ProcessEnv;
  servers: Servers;
  log: (line: string) => void;
};

/**
 * The results of a run. `checks`: the number of checks, and how many of them missed a server. `slowness`: the
 * CPU contention.
 */
export type ChaosFigures = {
  faults: number;
  recoveries: Recoveries;
  deliveries: Record<string, number | string | null>;
  acknowledgements: number;
  retries: number;
  requestFaults: Record<string, number>;
  humanActions: Record<HumanAction, number>;
  /** Of the offers of the run, those that a round of the city's matching proposed. */
  offers: { all: number; proposed: number };
  endedByThemselves: readonly string[];
  checks: Readonly<CheckCounts>;
  broken: readonly Violation[];
  drainSeconds: number;
  /**
   * The drill at the end: how many rows the restored backup had open, and how long until all had ended. null:
   * the run was too short for it.
   */
  restored: { openRows: number; seconds: number } | null;
  slowness: { mean: number; worst: number };
};

const RETRY_FOR_MS = 10 * 60_000;
/**
 * Longer than the service's own time-out for answers, and no longer than needed: a client of a frozen API
 * then switches to the other one.
 */
const TRY_MS = 10_000;
const PROGRESS_EVERY_MS = 10_000;
const DESK_EVERY_MS = 1_000;
/** The time for open deliveries to finish after the last fault and the last order. */
const ALL_ENDED_WITHIN_MS = 5 * 60_000;
const CANCEL_ODDS = 0.05;

/** Runs the demo city under faults, lets open deliveries finish, and checks the invariants. */
export async function runChaos(
  options: ChaosOptions,
  parts: ChaosParts,
  signal: AbortSignal,
): Promise<ChaosFigures> {
  const apiPorts = [await freePort(), await freePort()];
  const temporalServer = await SkewedTemporal.open(portOf(`tcp://${parts.temporalAddress}`));
  const proxies = await Proxies.open(apiPorts, {
    postgres: portOf(parts.settings.databaseUrl),
    redis: portOf(parts.settings.redisUrl),
    temporal: temporalServer.port,
  });
  const inspection = await Inspection.open(parts.settings);
  const env = chaosEnvironment(parts.env, options.matchingPercent);
  const fleet = await Fleet.start(
    MEMBERS.map((name) => memberSetup(name, apiPorts, proxies, { ...parts, env })),
    parts.log,
  ).catch(async (error: unknown) => {
    await Promise.all([proxies.close(), inspection.close(), temporalServer.close()]);
    throw error;
  });
  const clock = new FaultClock();
  const cpuContention = new CpuContention(() => fleet.pids);
  const openJudge = (): Promise<Judge> =>
    Judge.open({
      env,
      cityId: DEMO_CITY.cityId,
      clock,
      cpuContention,
      log: parts.log,
    });
  const stage = { proxies, temporalServer, inspection, fleet, clock, cpuContention, openJudge };
  try {
    return await new ChaosRun(options, parts, stage).play(signal);
  } finally {
    await fleet.stop();
    await Promise.all([proxies.close(), inspection.close(), temporalServer.close()]);
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function memberSetup(
  name: MemberName,
  apiPorts: readonly number[],
  proxies: Proxies,
  { settings, env }: ChaosParts,
): MemberSetup {
  const [database, redis] = [new URL(settings.databaseUrl), new URL(settings.redisUrl)];
  database.port = String(proxies.portOf(name, 'postgres'));
  redis.port = String(proxies.portOf(name, 'redis'));
  const apiPort = apiPorts[MEMBERS.filter((member) => member.startsWith('api')).indexOf(name)];
  return {
    name,
    kind: name.startsWith('worker') ? 'worker' : 'api',
    env: {
      ...env,
      DATABASE_URL: database.href,
      REDIS_URL: redis.href,
      TEMPORAL_ADDRESS: `127.0.0.1:${proxies.portOf(name, 'temporal')}`,
      ...(apiPort === undefined ? {} : { API_PORT: String(apiPort) }),
    },
  };
}

type Stage = {
  proxies: Proxies;
  inspection: Inspection;
  fleet: Fleet;
  clock: FaultClock;
  cpuContention: CpuContention;
  temporalServer: SkewedTemporal;
  openJudge: () => Promise<Judge>;
};

class ChaosRun {
  constructor(
    private readonly options: ChaosOptions,
    private readonly parts: ChaosParts,
    private readonly stage: Stage,
  ) {}

  async play(signal: AbortSignal): Promise<ChaosFigures> {
    const judge = await this.stage.openJudge();
    try {
      return await this.playBefore(judge, signal);
    } finally {
      await judge.close();
    }
  }

  private async playBefore(judge: Judge, signal: AbortSignal): Promise<ChaosFigures> {
    const { seed, drivers, everyMs, seconds } = this.options;
    const { log, settings } = this.parts;
    const { inspection, fleet, clock, openJudge, cpuContention } = this.stage;
    const random = randomFrom(seed);
    const answers = new AnswerWatch();
    const requestFaults = new RequestFaults(random.stream('requestFaults'), signal, answers.send);
    const apiUrl = `http://127.0.0.1:${this.stage.proxies.clients.port}`;
    const connections = connect(
      { ...settings, apiUrl },
      { retryForMs: RETRY_FOR_MS, attemptTimeoutMs: TRY_MS, signal, send: requestFaults.send },
    );
    const world = await buildDemoWorld({
      connections,
      drivers,
      speed: CHAOS_SPEED,
      random,
      log,
      fleetBehaviour: CHAOS_FLEET_BEHAVIOUR,
      skew: CHAOS_SKEW,
    });
    const demo = new Demo(
      { world, random, log },
      {
        everyMs,
        count: null,
        isOpenLoop: true,
        cancelOdds: CANCEL_ODDS,
        speed: CHAOS_SPEED,
        run: `chaos-${Date.now().toString(36)}`,
      },
    );
    const home = new AbortController();
    const working = AbortSignal.any([signal, home.signal]);
    const crew = demo.startDrivers(working);
    const concluded = new AbortController();
    void judge.keepChecking(AbortSignal.any([working, concluded.signal]));
    void cpuContention.keepSampling(working);
    void demo.logProgress(PROGRESS_EVERY_MS, working);
    log(
      `the city is ready: ${drivers} drivers, an order every ${everyMs / 1_000} s; faults for ${seconds} s`,
    );

    const { done, humanActions } = await this.doHarm(demo, world, connections, working, signal);
    signal.throwIfAborted();
    const faultsEndedAt = Date.now();
    log('faults and orders have stopped; waiting for open deliveries');
    requestFaults.end();
    await requestFaults.ended();
    await untilAllEnded(
      inspection,
      demo.orders.placed.map(({ deliveryId }) => deliveryId),
      Date.now() + ALL_ENDED_WITHIN_MS,
      signal,
    );
    const acknowledged = world.ledger.all(); // the drill begins anew
    const broken = await judge.conclude(acknowledged);
    concluded.abort();
    const offers = await offersOf(inspection, demo);
    const { figures, problems } = await settledFigures({ world, inspection, orders: demo.orders });
    for (const problem of problems) log(`also: ${problem}`);
    const drainSeconds = Math.round((Date.now() - faultsEndedAt) / 1_000);
    const restored = this.options.plan.some(({ fault }) => fault.kind === 'backup')
      ? await runRestoreDrill(
          { servers: this.parts.servers, inspection, clock, openJudge, demo, world, log },
          () => this.flush(),
          working,
        )
      : null;
    home.abort();
    await crew;
    await world.endShifts();
    return {
      faults: done.length,
      recoveries: recoveriesOf(done, {
        offersAt: [...world.offerArrivals.values()],
        acceptsAt: answers.acceptsAt,
      }),
      deliveries: figures,
      acknowledgements: acknowledged.length,
      retries: connections.retries(),
      requestFaults: requestFaults.counts,
      humanActions: humanActions.counts,
      offers,
      endedByThemselves: fleet.endedByThemselves,
      checks: judge.counts,
      drainSeconds,
      restored: restored && { openRows: restored.openRows, seconds: restored.seconds },
      slowness: { mean: rounded(cpuContention.mean), worst: rounded(cpuContention.worst) },
      broken: [
        ...broken,
        ...(restored?.broken ?? []),
        ...requestFaults.contradictions,
        ...(await this.unended(demo)),
        ...fleet.endedByThemselves.map(diedByItself),
        ...answers.faults.map(answeredByAFault),
      ],
    };
  }

  /** A delivery still open after this time is stuck (invariant 4). */
  private async unended({ orders }: Demo): Promise<Violation[]> {
    const deliveryIds = orders.placed.map(({ deliveryId }) => deliveryId);
    const { deliveries } = await this.stage.inspection.collectEvidence({ deliveryIds, driverIds: [] });
    return deliveries
      .filter(({ closedAt }) => closedAt === null)
      .map(({ deliveryId, status, driverId }) => ({
        invariant: 4,
        what: `still ${status} ${ALL_ENDED_WITHIN_MS / 60_000} minutes after the last fault`,
        deliveryId,
        driverId,
      }));
  }

  /** Runs orders, human actions and faults until fault injection ends and every part serves again. */
  private async doHarm(
    demo: Demo,
    world: DemoWorld,
    connections: Connections,
    working: AbortSignal,
    signal: AbortSignal,
  ): Promise<{ done: DoneFault[]; humanActions: HumanActions }> {
    const {
      options: { plan, seconds, seed },
      parts: { servers, log },
      stage: { fleet, proxies, clock, temporalServer },
    } = this;
    const faultsOver = new AbortController();
    const untilFaultsEnd = AbortSignal.any([signal, faultsOver.signal]);
    const client = await connections.support('olga');
    const desk = new SimulatedOps({ client, cityId: DEMO_CITY.cityId, ledger: world.ledger, log });
    void desk.work(DESK_EVERY_MS, working);
    const humanActions = new HumanActions({
      random: randomFrom(`${seed}/humanActions`),
      drivers: world.drivers,
      orders: demo.orders,
      desk,
      client,
      lengthMs: seconds * 1_000,
      log,
    });
    const acting = humanActions.run(untilFaultsEnd);
    const ordering = demo.orders.run(untilFaultsEnd);
    const [done] = await Promise.all([
      doFaults(
        plan,
        {
          fleet,
          servers,
          proxies,
          clock,
          flush: () => this.flush(),
          skewTemporal: (bySeconds) => temporalServer.clock.set(bySeconds),
          burst: (orders) => demo.orders.placeAtOnce('burst', orders),
          matching: new MatchingHarm({
            cityId: DEMO_CITY.cityId,
            env: this.parts.env,
            databaseUrl: this.parts.settings.databaseUrl,
            fleet,
            rounds: temporalServer.rounds,
            ops: client,
            log,
          }),
          log,
        },
        signal,
      ),
      pause(seconds * 1_000, signal),
    ]);
    faultsOver.abort();
    await Promise.all([acting, ordering]);
    return { done, humanActions };
  }

  private async flush(): Promise<void> {
    const redis = new Redis(this.parts.settings.redisUrl, { maxRetriesPerRequest: 1 });
    redis.on('error', () => undefined); // the command reports it
    await redis.flushall().finally(() => redis.disconnect());
  }
}

async function offersOf({ pool }: Inspection, { orders }: Demo): Promise<ChaosFigures['offers']> {
  const { rows } = await pool.query<ChaosFigures['offers']>(
    `SELECT count(*)::int AS all, count(*) FILTER (WHERE choice ? 'proposal')::int AS proposed
      FROM offers WHERE delivery_id = ANY($1::uuid[])`,
    [orders.placed.map(({ deliveryId }) => deliveryId)],
  );
  return rows[0] ?? { all: 0, proposed: 0 };
}

/** A process must survive the loss of its servers (invariant 2 would be at risk). */
function diedByItself(how: string): Violation {
  return { invariant: 2, what: `a process exited unexpectedly: ${how}`, deliveryId: null, driverId: null };
}

/**
 * An outage must be answered 503, which is safe to retry. After a 500 the client does not know the outcome
 * (invariant 2 would be at risk).
 */
function answeredByAFault(request: string): Violation {
  return { invariant: 2, what: `answered 500: ${request}`, deliveryId: null, driverId: null };
}

function rounded(share: number): number {
  return Math.round(share * 10) / 10;
}
