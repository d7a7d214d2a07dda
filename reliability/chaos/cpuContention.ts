import { readdir, readFile } from 'node:fs/promises';
import { pause } from '../../simulator/kit/pause';

const EVERY_MS = 1_000;
/** Samples in the moving window. */
const WINDOW_SAMPLES = 20;

/** CPU time of threads, in ns: how long they ran, and how long they were runnable but waited for a CPU. */
type Times = { ran: number; waited: number };

/**
 * CPU contention: how many times longer our processes take than on an idle machine. 1 where the kernel does
 * not report it (only Linux does).
 */
export class CpuContention {
  private before = new Map<string, Times>();
  private readonly lately: Times[] = [];
  private readonly all: Times = { ran: 0, waited: 0 };
  worst = 1;

  /** @param pidsOf the processes that run now */
  constructor(private readonly pidsOf: () => readonly number[]) {}

  /** Over the last twenty seconds. */
  get slowness(): number {
    return slownessOf(sumOf(this.lately));
  }

  /** Over the whole run. */
  get mean(): number {
    return slownessOf(this.all);
  }

  /** Samples every second until the signal. */
  async keepSampling(signal: AbortSignal): Promise<void> {
    while (await pause(EVERY_MS, signal)) await this.look();
  }

  private async look(): Promise<void> {
    const now = new Map((await Promise.all(this.pidsOf().map(threadTimes))).flat());
    const passed = [...now].map(([thread, { ran, waited }]): Times => {
      const before = this.before.get(thread) ?? { ran: 0, waited: 0 };
      return { ran: ran - before.ran, waited: waited - before.waited };
    });
    this.before = now;
    const latest = sumOf(passed);
    this.lately.push(latest);
    if (this.lately.length > WINDOW_SAMPLES) this.lately.shift();
    this.all.ran += latest.ran;
    this.all.waited += latest.waited;
    this.worst = Math.max(this.worst, this.slowness);
  }
}

function sumOf(times: readonly Times[]): Times {
  return times.reduce((sum, { ran, waited }) => ({ ran: sum.ran + ran, waited: sum.waited + waited }), {
    ran: 0,
    waited: 0,
  });
}

function slownessOf({ ran, waited }: Times): number {
  return ran === 0 ? 1 : (ran + waited) / ran;
}

/** Empty for a process that has exited. */
async function threadTimes(pid: number): Promise<[string, Times][]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  return (
    await Promise.all(
      threads.map(async (thread): Promise<[string, Times][]> => {
        const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '');
        const [ran, waited] = text.split(' ').map(Number);
        return ran === undefined || waited === undefined ? [] : [[`${pid} ${thread}`, { ran, waited }]];
      }),
    )
  ).flat();
}
