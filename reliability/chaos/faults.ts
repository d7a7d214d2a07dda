import type { Fleet } from '../../simulator/kit/fleet';
import { pause, waitUntil } from '../../simulator/kit/pause';
import {
  type Fault,
  type FaultKind,
  type Link,
  lengthOf,
  MEMBERS,
  type MemberName,
  nameOf,
  type PlannedFault,
  SERVERS,
  type ServerName,
  wordsOf,
} from './plan';
import type { MatchingHarm } from './matchingHarm';
import { FaultyProxy } from './proxy';
import type { Servers } from './servers';

/**
 * The proxies of a run: one between each of our processes and each server, and one between the clients and
 * the APIs.
 */
export class Proxies {
  private constructor(
    readonly clients: FaultyProxy,
    private readonly links: ReadonlyMap<string, FaultyProxy>,
  ) {}

  /**
   * @param apiPorts the ports the APIs will listen on
   * @param serverPorts the ports of the servers
   */
  static async open(
    apiPorts: readonly number[],
    serverPorts: Readonly<Record<ServerName, number>>,
  ): Promise<Proxies> {
    const links = new Map<string, FaultyProxy>();
    for (const from of MEMBERS)
      for (const to of SERVERS)
        links.set(`${from} ${to}`, await FaultyProxy.open([{ port: serverPorts[to] }]));
    return new Proxies(await FaultyProxy.open(apiPorts.map((port) => ({ port }))), links);
  }

  /** The port through which one of our processes reaches a server. */
  portOf(from: MemberName, to: ServerName): number {
    return this.of({ from, to }).port;
  }

  of(link: Link): FaultyProxy {
    if (link === 'clients') return this.clients;
    const proxy = this.links.get(`${link.from} ${link.to}`);
    if (!proxy) throw new Error(`there is no proxy from ${link.from} to ${link.to}`);
    return proxy;
  }

  async close(): Promise<void> {
    await Promise.all([this.clients, ...this.links.values()].map((proxy) => proxy.close()));
  }
}

/**
 * Counts active faults and remembers when the last one ended. The start of the service counts as the first
 * fault, because all drivers come on duty at once.
 */
export class FaultClock {
  private on = 0;
  private lastEndedAt = Date.now();

  begin(): void {
    this.on += 1;
  }

  end(): void {
    this.on -= 1;
    this.lastEndedAt = Date.now();
  }

  /** Epoch ms; Infinity while a fault is active. */
  readonly endedAt = (): number => (this.on > 0 ? Infinity : this.lastEndedAt);
}

export type FaultDeps = {
  fleet: Fleet;
  servers: Servers;
  proxies: Proxies;
  clock: FaultClock;
  /** Deletes everything in Redis. */
  flush: () => Promise<void>;
  burst: (orders: number) => Promise<void>;
  matching: Pick<MatchingHarm, 'do'>;
  /** Sets Temporal's clock ahead (negative: back) until the returned function is called. */
  skewTemporal: (bySeconds: number) => () => void;
  log: (line: string) => void;
};

/** A completed fault, with its interval (epoch ms). It ends when the affected part serves again. */
export type DoneFault = { kind: FaultKind; name: string; beganAt: number; endedAt: number };

/**
 * Runs the planned faults on schedule. Resolves when all faults have ended and every part serves again.
 * @throws Error where a fault could not be injected
 */
export async function doFaults(
  plan: readonly PlannedFault[],
  deps: FaultDeps,
  signal: AbortSignal,
): Promise<DoneFault[]> {
  const startedAt = Date.now();
  const done = await Promise.all(
    plan.map(async (planned): Promise<DoneFault[]> => {
      if (!(await waitUntil(startedAt + planned.atMs, signal))) return [];
      const beganAt = Date.now();
      deps.log(`fault: ${wordsOf(planned).trim()}`);
      deps.clock.begin();
      await doFault(planned.fault, deps, signal).finally(() => deps.clock.end());
      const endedAt = Date.now();
      if (lengthOf(planned.fault) > 0)
        deps.log(
          `fault: ${nameOf(planned.fault)} is over after ${((endedAt - beganAt) / 1_000).toFixed(1)} s`,
        );
      return [{ kind: planned.fault.kind, name: nameOf(planned.fault), beganAt, endedAt }];
    }),
  );
  return done.flat();
}

async function doFault(fault: Fault, deps: FaultDeps, signal: AbortSignal): Promise<void> {
  const { fleet, servers, proxies } = deps;
  switch (fault.kind) {
    case 'kill':
      await fleet.kill(fault.member);
      await pause(fault.downMs, signal);
      return fleet.startAgain(fault.member);
    case 'freeze':
      fleet.freeze(fault.member);
      await pause(fault.forMs, signal);
      return fleet.thaw(fault.member);
    case 'restart':
    case 'killServer':
      await servers.act(fault.server, fault.kind === 'restart' ? 'stop' : 'kill');
      await pause(fault.downMs, signal);
      return servers.act(fault.server, 'start');
    case 'restartEmpty':
      await servers.act('redis', 'stop');
      await servers.act('redis', 'forget');
      await pause(fault.downMs, signal);
      return servers.act('redis', 'start');
    case 'flush':
      return deps.flush();
    case 'readOnly':
      await servers.act(fault.server, 'demote');
      await pause(fault.forMs, signal);
      return servers.act(fault.server, 'promote');
    case 'skewTemporal': {
      const end = deps.skewTemporal(fault.bySeconds);
      await pause(fault.forMs, signal);
      return end();
    }
    case 'backup':
      return servers.act('postgres', 'backUp');
    case 'cut':
      for (const link of fault.links) proxies.of(link).cut();
      return;
    case 'refuse':
    case 'stall':
    case 'delay':
      return hinder(fault, proxies, signal);
    case 'burst':
      return deps.burst(fault.orders);
    default:
      return deps.matching.do(fault, signal);
  }
}

async function hinder(
  fault: Extract<Fault, { kind: 'refuse' | 'stall' | 'delay' }>,
  proxies: Proxies,
  signal: AbortSignal,
): Promise<void> {
  const ends = await Promise.all(
    fault.links.map(async (link) => {
      const proxy = proxies.of(link);
      switch (fault.kind) {
        case 'refuse':
          return proxy.refuse();
        case 'stall':
          return proxy.stall();
        case 'delay':
          return proxy.delay(fault.byMs);
      }
    }),
  );
  await pause(fault.forMs, signal);
  await Promise.all(ends.map((end) => end()));
}
