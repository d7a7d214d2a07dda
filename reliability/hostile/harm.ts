import { Fleet } from '../../simulator/kit/fleet';
import type { Inspection } from '../../simulator/kit/inspection';
import { pause, poll } from '../../simulator/kit/pause';

/**
 * Faults of this run: kill -9 of a process, or a flush of Redis. `npm run verify -- chaos` injects many more.
 */
export const HARMS = ['worker', 'api', 'redis'] as const;
export type Harm = (typeof HARMS)[number];

export type HarmOptions = {
  harms: readonly Harm[];
  everyMs: number;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
};

const OFFER_WITHIN_MS = 10_000;

/** Worker and API, killed in turn while an offer is live and started again. */
export class HarmedService {
  readonly done: Record<Harm, number> = { worker: 0, api: 0, redis: 0 };
  /** When (epoch ms) the last fault ended; Infinity while one is active, -Infinity before the first. */
  harmedUntil = -Infinity;

  private constructor(
    private readonly fleet: Fleet,
    private readonly options: HarmOptions,
  ) {}

  /** Resolves when both are ready. */
  static async start(options: HarmOptions): Promise<HarmedService> {
    const { env, log } = options;
    return new HarmedService(
      await Fleet.start(
        [
          { name: 'worker', kind: 'worker', env },
          { name: 'api', kind: 'api', env },
        ],
        log,
      ),
      options,
    );
  }

  async stop(): Promise<void> {
    await this.fleet.stop();
  }

  /** Injects one fault after the other, each while an offer is live, until the signal. */
  async keepHarming(inspection: Inspection, signal: AbortSignal): Promise<void> {
    const { harms, everyMs, log } = this.options;
    for (let turn = 0; harms.length > 0 && (await pause(everyMs, signal)); turn++) {
      const harm = harms[turn % harms.length];
      const isLive = await poll(async () => ((await inspection.liveOffers()) > 0 ? true : undefined), {
        everyMs: 20,
        deadlineAt: Date.now() + OFFER_WITHIN_MS,
        signal,
      });
      if (!harm || signal.aborted) return;
      log(`harm: ${harm} ${isLive ? 'in mid-offer' : 'with no offer live'}`);
      this.harmedUntil = Infinity;
      await this.harm(harm, inspection);
      this.harmedUntil = Date.now();
      this.done[harm] += 1;
    }
  }

  private async harm(harm: Harm, inspection: Inspection): Promise<void> {
    if (harm === 'redis') return inspection.flushRedis();
    await this.fleet.kill(harm);
    await this.fleet.startAgain(harm);
  }
}
