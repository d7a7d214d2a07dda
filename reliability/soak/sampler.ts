import { performance } from 'node:perf_hooks';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { InspectorSettings } from '../../simulator/kit/environment';
import { pause } from '../../simulator/kit/pause';
import { Keys } from './keys';
import { readMetrics } from '../../simulator/kit/metricsText';
import { connectionsTo, resourceUsageOf, listenerOn, type Process } from '../../simulator/kit/processTable';
import { Runs } from './runs';
import { type Sample, under, type Values } from './sample';
import { Tables } from './tables';

/** The metrics endpoints of worker and API. */
export type Urls = { worker: string; api: string };

const MB = 1_048_576;
const LOOPBACK: readonly string[] = ['127.0.0.1', '::1', '[::1]', 'localhost'];
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'postgresql:': 5432,
  'postgres:': 5432,
  'redis:': 6379,
  'rediss:': 6379,
};
/** A full garbage collection takes about 100 ms. */
const COLLECTED_AFTER_MS = 400;

const NAMES = ['worker', 'api', 'postgres', 'redis', 'temporal'] as const;
type Name = (typeof NAMES)[number];

/**
 * Samples everything that could leak: the local processes, their metrics, and the contents of PostgreSQL,
 * Redis and Temporal.
 */
export class Sampler {
  private startedAt = performance.now();

  private constructor(
    private readonly urls: Urls,
    private readonly processes: ReadonlyMap<Name, Process>,
    private readonly parts: { tables: Tables; keys: Keys; runs: Runs },
    private readonly identities: readonly string[],
  ) {}

  static async open(
    { databaseUrl, redisUrl }: Pick<InspectorSettings, 'databaseUrl' | 'redisUrl'>,
    urls: Urls,
  ): Promise<Sampler> {
    const {
      connectionOptions: { address = '127.0.0.1:7233' },
    } = loadClientConnectConfig();
    const addresses: Record<Name, string> = {
      ...urls,
      postgres: databaseUrl,
      redis: redisUrl,
      temporal: `grpc://${address}`,
    };
    const found = NAMES.flatMap((name) =>
      processAt(addresses[name]).map((process) => [name, process] as const),
    );
    const parts = { tables: new Tables(databaseUrl), keys: new Keys(redisUrl), runs: await Runs.open() };
    return new Sampler(urls, new Map(found), parts, await identitiesOf(parts, urls));
  }

  async close(): Promise<void> {
    this.parts.keys.close();
    await Promise.all([this.parts.tables.close(), this.parts.runs.close()]);
  }

  /** Sets the zero of the samples' time. */
  begin(): void {
    this.startedAt = performance.now();
  }

  /**
   * @param thorough also the slow values: heaps after a full garbage collection, histories of the schedules
   */
  async sample(thorough: boolean): Promise<Sample> {
    const at = (performance.now() - this.startedAt) / 1_000;
    const { tables, keys, runs } = this.parts;
    const [db, redis, temporal] = await Promise.all([tables.read(), keys.read(), runs.read()]);
    const slow = thorough
      ? { ...(await this.collected()), ...under('temporal', await runs.readSchedules()) }
      : {};
    const ours = { ...(await this.ownWords('worker')), ...(await this.ownWords('api')) };
    return {
      at,
      values: {
        ...this.held(),
        ...ours,
        ...slow,
        ...under('db', db),
        ...under('redis', redis),
        ...under('temporal', temporal),
      },
    };
  }

  /** The processes and servers that restarted since this sampler was opened, one sentence each. */
  async startedAnew(): Promise<string[]> {
    const now = await identitiesOf(this.parts, this.urls);
    return NAMED.flatMap((name, index) =>
      now[index] === this.identities[index] ? [] : [`${name} was restarted during the run`],
    );
  }

  private held(): Values {
    const found = [...this.processes].flatMap(([name, each]) => {
      const holding = resourceUsageOf(each);
      return holding ? [under(name, { ...holding })] : [];
    });
    return merged([
      {
        'load.memoryMb': process.memoryUsage.rss() / MB,
        'api.connections': connectionsTo(portOf(this.urls.api)),
      },
      ...found,
    ]);
  }

  /** The metrics of worker and API. */
  private async ownWords(name: 'worker' | 'api'): Promise<Values> {
    const metrics = await readMetrics(this.urls[name]);
    const read = (metric: string, labels: Record<string, string> = {}, per = 1): number | undefined => {
      const value = metrics.sum(metric, labels);
      return value === undefined ? undefined : value / per;
    };
    const values = {
      heapMb: read('nodejs_heap_size_used_bytes', {}, MB),
      externalMb: read('nodejs_external_memory_bytes', {}, MB),
      handles: read('nodejs_active_handles_total'),
      requests: read('nodejs_active_requests_total'),
      timers: read('nodejs_active_resources', { type: 'Timeout' }),
      lagP99Ms: read('nodejs_eventloop_lag_p99_seconds', {}, 1 / 1_000),
      series: metrics.count,
      ...(name === 'api' ? { sockets: read('realtime_connections') ?? 0 } : {}),
    };
    return under(name, known(values));
  }

  private async collected(): Promise<Values> {
    const here = [...this.processes].flatMap(([name, { pid }]) =>
      name === 'worker' || name === 'api' ? [{ name, pid }] : [],
    );
    for (const { pid } of here) process.kill(pid, 'SIGWINCH'); // they were started with collectOnSignal.ts
    await pause(COLLECTED_AFTER_MS);
    return merged(
      await Promise.all(
        here.map(async ({ name }) => {
          const { [`${name}.heapMb`]: heap, [`${name}.externalMb`]: external } = await this.ownWords(name);
          return known({ [`${name}.heapAfterGcMb`]: heap, [`${name}.externalAfterGcMb`]: external });
        }),
      ),
    );
  }
}

const NAMED = ['PostgreSQL', 'Redis', 'the worker', 'the API'] as const;

async function identitiesOf(
  { tables, keys }: { tables: Tables; keys: Keys },
  { worker, api }: Urls,
): Promise<string[]> {
  const began = async (url: string): Promise<string> =>
    String((await readMetrics(url)).sum('process_start_time_seconds'));
  return Promise.all([tables.startedAt(), keys.runId(), began(worker), began(api)]);
}

function merged(all: readonly Values[]): Values {
  return Object.fromEntries(all.flatMap((values) => Object.entries(values)));
}

function known(values: Readonly<Record<string, number | undefined>>): Values {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === undefined || Number.isNaN(value) ? [] : [[name, value]],
    ),
  );
}

/** Only local processes can be inspected. */
function processAt(url: string): Process[] {
  const process = LOOPBACK.includes(new URL(url).hostname) ? listenerOn(portOf(url)) : undefined;
  return process ? [process] : [];
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === '' ? (DEFAULT_PORTS[protocol] ?? 80) : Number(port);
}
