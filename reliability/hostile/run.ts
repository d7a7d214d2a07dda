import { SHARED_MACHINE_BOUNDS } from '../checker/patience';
import { type DemoOptions, judgeDemo, type JudgedRun, type Ready } from '../../simulator/demo/run';
import { DEMO_CITY } from '../../simulator/demo/city';
import type { DriverCounts } from '../../simulator/people/driver';
import type { InspectorSettings } from '../../simulator/kit/environment';
import { hostileFiguresOf } from './figures';
import { readCases, readNoticedLosses } from './record';
import {
  FAR_ORDERS,
  HOSTILE_FLEET_BEHAVIOUR,
  HOSTILE_TIME_SCALE,
  hostileEnvironment,
  LEVEL_1_MS,
} from './settings';
import type { Inspection } from '../../simulator/kit/inspection';
import { type SwitchReport, toggleAll } from './killSwitches';
import { SimulatedOps } from '../../simulator/people/simulatedOps';
import { startApi, startWorker } from '../../simulator/kit/processes';

/** `env`: the environment of worker and API, except for the hostile conditions. */
export type HostileOptions = DemoOptions & { deliveries: number; env: NodeJS.ProcessEnv };

type Log = (line: string) => void;

const DESK_EVERY_MS = 500;

/**
 * Hostile conditions on its own worker and API: drivers disappear, offers expire, ops work the support queue
 * and operate every kill switch. Judged like any run, and by additional goals.
 */
export async function judgeHostile(
  settings: InspectorSettings,
  inspection: Inspection,
  options: HostileOptions,
  log: Log,
  signal: AbortSignal,
): Promise<JudgedRun> {
  const env = hostileEnvironment(options.env);
  const services = await Promise.all([startWorker(env), startApi(env)]);
  try {
    await Promise.all(services.map((service) => service.ready()));
    const evening = new Evening(
      inspection,
      services.map(({ url }) => url),
      log,
    );
    const { figures, problems } = await judgeDemo(
      settings,
      inspection,
      { ...options, deliveries: options.deliveries - FAR_ORDERS },
      log,
      signal,
      {
        check: { env, bounds: SHARED_MACHINE_BOUNDS },
        fleetBehaviour: HOSTILE_FLEET_BEHAVIOUR,
        during: (run, working) => evening.play(run, working),
        judge: (run) => evening.judge(run),
      },
    );
    return {
      figures: { ...figures, timeScale: HOSTILE_TIME_SCALE, level1Seconds: LEVEL_1_MS / 1_000 },
      problems,
    };
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
}

/** The actions of ops during the run, and their results. */
class Evening {
  private kills: readonly SwitchReport[] = [];
  private desk: SimulatedOps | undefined;

  constructor(
    private readonly inspection: Inspection,
    private readonly healthUrls: readonly string[],
    private readonly log: Log,
  ) {}

  /** Resolves when every switch was operated; the support queue is worked until the signal. */
  async play(
    { demo: { orders }, world: { ledger, drivers }, connections }: Ready,
    signal: AbortSignal,
  ): Promise<void> {
    const { inspection, healthUrls, log } = this;
    const client = await connections.support('olga');
    const desk = new SimulatedOps({ client, cityId: DEMO_CITY.cityId, ledger, log });
    this.desk = desk;
    void desk.work(DESK_EVERY_MS, signal);
    this.kills = await toggleAll({ client, desk, inspection, orders, drivers, healthUrls, log, signal });
  }

  async judge({ demo: { orders }, world: { drivers, driverIds } }: Ready): Promise<JudgedRun> {
    const { pool } = this.inspection;
    const deliveryIds = orders.placed.map(({ deliveryId }) => deliveryId);
    const [seen, cases, noticed] = await Promise.all([
      this.inspection.collectEvidence({ deliveryIds, driverIds }),
      readCases(pool, deliveryIds),
      readNoticedLosses(pool, deliveryIds),
    ]);
    const sum = (count: keyof DriverCounts): number =>
      drivers.reduce((total, { counts }) => total + counts[count], 0);
    const vanished = { beforePickup: sum('vanishedBeforePickup'), withGoods: sum('vanishedWithGoods') };
    const { figures, problems } = hostileFiguresOf({ ...seen, cases, noticed, vanished, kills: this.kills });
    const ops = Object.entries(this.desk?.counts ?? {}).map(
      ([name, count]) => [`ops${name.charAt(0).toUpperCase()}${name.slice(1)}`, count] as const,
    );
    return { figures: { ...figures, gaveUp: sum('gaveUp'), ...Object.fromEntries(ops) }, problems };
  }
}
