import { dealer, type Random, randomFrom } from '../../simulator/kit/random';
import {
  lengthOfMatchingFault,
  type MatchingFault,
  matchingFaultsOf,
  nameOfMatchingFault,
  touchedByMatchingFault,
} from './matchingPlan';

/** Our processes: two of each, so that one of them may be down. */
export const MEMBERS = ['worker-1', 'worker-2', 'api-1', 'api-2'] as const;
export type MemberName = (typeof MEMBERS)[number];

export const SERVERS = ['postgres', 'redis', 'temporal'] as const;
export type ServerName = (typeof SERVERS)[number];

/**
 * A connection path that can be cut: from one of our processes to a server, or from the clients to the APIs.
 */
export type Link = { from: MemberName; to: ServerName } | 'clients';

/** The faults. Times in ms. `downMs`: how long the target stays down before it is restarted. */
export type Fault =
  | { kind: 'kill'; member: MemberName; downMs: number }
  | { kind: 'freeze'; member: MemberName; forMs: number }
  | { kind: 'restart' | 'killServer'; server: ServerName; downMs: number }
  /** Redis restarts with an empty data set. */
  | { kind: 'restartEmpty'; downMs: number }
  | { kind: 'flush' }
  /** The server goes on answering, and refuses every write, as a primary does that was demoted. */
  | { kind: 'readOnly'; server: 'postgres' | 'redis'; forMs: number }
  /** Temporal's clock is ahead by this, or behind where that is negative. */
  | { kind: 'skewTemporal'; bySeconds: number; forMs: number }
  /** PostgreSQL is backed up during a short restart. A drill restores the backup at the end of the run. */
  | { kind: 'backup' }
  | { kind: 'cut'; links: readonly Link[] }
  | { kind: 'refuse' | 'stall'; links: readonly Link[]; forMs: number }
  | { kind: 'delay'; links: readonly Link[]; forMs: number; byMs: number }
  | { kind: 'burst'; orders: number }
  | MatchingFault;

export type FaultKind = Fault['kind'];

/** A fault, and when it begins, in ms after fault injection starts. */
export type PlannedFault = { atMs: number; fault: Fault };

/** `matchingPercent`: of how many deliveries the city's matching looks for the driver; 0 = it is off. */
export type PlanOptions = { seed: string; seconds: number; burst: number | null; matchingPercent: number };

/** The first fault comes when orders are under way. The last one ends before fault injection stops. */
const FIRST_AT_MS = 8_000;
/** The interval between two rounds of faults. */
const GAP_MS = { min: 3_000, max: 12_000 };
/** How many faults one round has. */
const TOGETHER: readonly number[] = [1, 1, 1, 1, 1, 1, 2, 2, 2, 3];
/** The faults of one round begin within this interval. */
const SPREAD_MS = 2_000;
/** The recovery time of a process or server between two faults, so that the next fault finds it running. */
const REST_MS = 4_000;
/** One seed in this many has a burst by default. */
const BURST_EVERY = 5;
const BURST_ORDERS = 100;

/** The interval between two faults that leave a server up, but wrong. They are drawn apart from the others. */
const WRONG_GAP_MS = { min: 25_000, max: 45_000 };
/** One that would come together with another on the same server comes later, if it can. */
const STEPS_LATER_MS: readonly number[] = [0, 4_000, 8_000, 12_000, 16_000, 20_000];
const WRONG_FIRST_AT_MS = 15_000;
const READ_ONLY_MS = { min: 2_000, max: 8_000 };
const SKEW_FOR_MS = { min: 8_000, max: 20_000 };
const SKEW_BY_SECONDS = { min: 30, max: 120 };
/** A run of this length or more is backed up a minute before its end, and restored then. */
export const RESTORED_FROM_SECONDS = 120;
const BACKUP_BEFORE_END_MS = 60_000;
const BACKUP_MS = 5_000;

const FREEZE_MS = { min: 1_000, max: 15_000 };
const AWAY_MS = { min: 1_000, max: 8_000 };
const DOWN_MS = { min: 0, max: 3_000 };
const DELAY_MS = { min: 20, max: 500 };

/**
 * The kinds of faults with their weights: the plan deals one card per fault. Every kind comes up in a run of
 * a few minutes. Kinds that cover several cases have more cards.
 */
const DECK = [
  'killWorker',
  'killWorker',
  'killApi',
  'killApi',
  'freezeWorker',
  'freezeWorker',
  'freezeApi',
  'freezeApi',
  'restartPostgres',
  'killPostgres',
  'restartRedis',
  'killRedis',
  'restartEmpty',
  'flush',
  'restartTemporal',
  'killTemporal',
  'cut',
  'cut',
  'refuse',
  'refuse',
  'delay',
  'delay',
  'stall',
  'stall',
] as const;
type Card = (typeof DECK)[number];

/**
 * The fault plan: deterministic for the same options. Faults may overlap, but never on the same process, server
 * or link, since the second would have no effect.
 */
export function planOf({ seed, seconds, burst, matchingPercent }: PlanOptions): PlannedFault[] {
  const random = randomFrom(`${seed}/faults`);
  const deal = dealer(DECK, random.stream('kinds'));
  const endMs = seconds * 1_000;
  const busyUntil = new Map<string, number>();
  const planned: PlannedFault[] = [];
  const backups = backupOf(seconds);
  for (let nowMs = FIRST_AT_MS; nowMs < endMs; nowMs += Math.round(random.between(GAP_MS.min, GAP_MS.max))) {
    for (let more = random.pick(TOGETHER); more > 0; more -= 1) {
      const atMs = nowMs + Math.round(random.between(0, SPREAD_MS));
      const fault = faultOf(deal(), random);
      const until = atMs + lengthOf(fault);
      if (until > endMs || touched(fault).some((part) => (busyUntil.get(part) ?? 0) > atMs)) continue;
      if (backups.some((backup) => areTogether(backup, { atMs, fault }))) continue;
      for (const part of touched(fault)) busyUntil.set(part, until + REST_MS);
      planned.push({ atMs, fault });
    }
  }
  const isFree = (candidate: PlannedFault): boolean =>
    planned.every((other) => !areTogether(candidate, other));
  planned.push(...backups);
  const drawnApart = [
    ...wrongServersOf(randomFrom(`${seed}/wrongServers`), endMs),
    ...matchingFaultsOf(randomFrom(`${seed}/matchingFaults`), endMs, matchingPercent),
  ];
  for (const candidate of drawnApart) {
    const fitting = STEPS_LATER_MS.map((byMs) => ({ ...candidate, atMs: candidate.atMs + byMs })).find(
      isFree,
    );
    if (fitting && fitting.atMs + lengthOf(fitting.fault) <= endMs) planned.push(fitting);
  }
  return [...planned, ...burstOf(randomFrom(`${seed}/burst`), burst, endMs)].sort((a, b) => a.atMs - b.atMs);
}

/** Servers that are up but wrong: they refuse writes, or their clock is off. By turns, each seed in its order. */
function wrongServersOf(random: Random, endMs: number): PlannedFault[] {
  const whole = ({ min, max }: { min: number; max: number }): number => Math.round(random.between(min, max));
  const deal = dealer(['readOnlyPostgres', 'readOnlyRedis', 'skewTemporal'] as const, random);
  const planned: PlannedFault[] = [];
  for (let atMs = WRONG_FIRST_AT_MS; ; atMs += whole(WRONG_GAP_MS)) {
    const fault = wrongServer(deal(), { random, whole });
    if (atMs + lengthOf(fault) > endMs) return planned;
    planned.push({ atMs, fault });
  }
}

function wrongServer(
  card: 'readOnlyPostgres' | 'readOnlyRedis' | 'skewTemporal',
  { random, whole }: { random: Random; whole: (range: { min: number; max: number }) => number },
): Fault {
  switch (card) {
    case 'readOnlyPostgres':
      return { kind: 'readOnly', server: 'postgres', forMs: whole(READ_ONLY_MS) };
    case 'readOnlyRedis':
      return { kind: 'readOnly', server: 'redis', forMs: whole(READ_ONLY_MS) };
    case 'skewTemporal':
      return {
        kind: 'skewTemporal',
        forMs: whole(SKEW_FOR_MS),
        bySeconds: whole(SKEW_BY_SECONDS) * (random.chance(0.5) ? 1 : -1),
      };
  }
}

function backupOf(seconds: number): PlannedFault[] {
  return seconds < RESTORED_FROM_SECONDS
    ? []
    : [{ atMs: seconds * 1_000 - BACKUP_BEFORE_END_MS, fault: { kind: 'backup' } }];
}

/** Whether two faults would be on the same part at once, or with too little rest between them. */
function areTogether(one: PlannedFault, other: PlannedFault): boolean {
  const parts = touched(one.fault);
  if (!touched(other.fault).some((part) => parts.includes(part))) return false;
  const [first, second] = one.atMs <= other.atMs ? [one, other] : [other, one];
  return second.atMs < first.atMs + lengthOf(first.fault) + REST_MS;
}

/** The burst that was requested, or one drawn from the seed. */
function burstOf(random: Random, asked: number | null, endMs: number): PlannedFault[] {
  const isDrawn = random.chance(1 / BURST_EVERY);
  const orders = asked ?? (isDrawn ? BURST_ORDERS : 0);
  return orders === 0
    ? []
    : [{ atMs: Math.round(random.between(0.2, 0.6) * endMs), fault: { kind: 'burst', orders } }];
}

/** How long a fault lasts, in ms. */
export function lengthOf(fault: Fault): number {
  switch (fault.kind) {
    case 'kill':
    case 'restart':
    case 'killServer':
    case 'restartEmpty':
      return fault.downMs;
    case 'freeze':
    case 'refuse':
    case 'stall':
    case 'delay':
    case 'readOnly':
    case 'skewTemporal':
      return fault.forMs;
    case 'backup':
      return BACKUP_MS;
    case 'flush':
    case 'cut':
    case 'burst':
      return 0;
    default:
      return lengthOfMatchingFault(fault);
  }
}

/** The name under which recoveries of this fault are reported. */
export function nameOf(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
    case 'freeze':
      return `${fault.kind} ${fault.member.replace(/-\d$/, '')}`;
    case 'restart':
      return `restart ${fault.server}`;
    case 'killServer':
      return `kill ${fault.server}`;
    case 'restartEmpty':
      return 'restart redis empty';
    case 'flush':
      return 'flush redis';
    case 'readOnly':
      return `read-only ${fault.server}`;
    case 'skewTemporal':
      return 'skew temporal';
    case 'backup':
      return 'back up postgres';
    case 'cut':
    case 'refuse':
    case 'stall':
    case 'delay':
      return `${fault.kind} ${farEndOf(fault.links)}`;
    case 'burst':
      return 'burst';
    default:
      return nameOfMatchingFault(fault);
  }
}

/** One log line: when, what, how long. */
export function wordsOf({ atMs, fault }: PlannedFault): string {
  const lasting = lengthOf(fault) > 0 ? ` for ${(lengthOf(fault) / 1_000).toFixed(1)} s` : '';
  return `${(atMs / 1_000).toFixed(1).padStart(6)} s  ${nameOf(fault)}${detailOf(fault)}${lasting}`;
}

function detailOf(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
    case 'freeze':
      return ` (${fault.member})`;
    case 'cut':
    case 'refuse':
    case 'stall':
      return ` (${nearEndOf(fault.links)})`;
    case 'delay':
      return ` (${nearEndOf(fault.links)}) by ${fault.byMs} ms`;
    case 'burst':
      return ` of ${fault.orders} orders`;
    case 'skewTemporal':
      return ` by ${fault.bySeconds} s`;
    case 'restart':
    case 'killServer':
    case 'restartEmpty':
    case 'flush':
    case 'readOnly':
    case 'backup':
      return '';
    default:
      return fault.kind === 'setMatching' ? ` to ${fault.percent} %` : '';
  }
}

function farEndOf(links: readonly Link[]): string {
  const [link] = links;
  return link === undefined || link === 'clients' ? 'clients' : link.to;
}

function nearEndOf(links: readonly Link[]): string {
  return links.map((link) => (link === 'clients' ? 'all' : link.from)).join(', ');
}

function faultOf(card: Card, random: Random): Fault {
  const ms = ({ min, max }: { min: number; max: number }): number => Math.round(random.between(min, max));
  const one = (kind: 'worker' | 'api'): MemberName =>
    random.pick(MEMBERS.filter((member) => member.startsWith(kind)));
  switch (card) {
    case 'killWorker':
    case 'killApi':
      return { kind: 'kill', member: one(card === 'killWorker' ? 'worker' : 'api'), downMs: ms(DOWN_MS) };
    case 'freezeWorker':
    case 'freezeApi':
      return {
        kind: 'freeze',
        member: one(card === 'freezeWorker' ? 'worker' : 'api'),
        forMs: ms(FREEZE_MS),
      };
    case 'restartPostgres':
    case 'restartRedis':
    case 'restartTemporal':
      return { kind: 'restart', server: SERVER_OF[card], downMs: ms(DOWN_MS) };
    case 'killPostgres':
    case 'killRedis':
    case 'killTemporal':
      return { kind: 'killServer', server: SERVER_OF[card], downMs: ms(DOWN_MS) };
    case 'restartEmpty':
      return { kind: 'restartEmpty', downMs: ms(DOWN_MS) };
    case 'flush':
      return { kind: 'flush' };
    case 'cut':
      return { kind: 'cut', links: linksOf(random) };
    case 'refuse':
    case 'stall':
      return { kind: card, links: linksOf(random), forMs: ms(AWAY_MS) };
    case 'delay':
      return { kind: 'delay', links: linksOf(random), forMs: ms(AWAY_MS), byMs: ms(DELAY_MS) };
  }
}

const SERVER_OF = {
  restartPostgres: 'postgres',
  killPostgres: 'postgres',
  restartRedis: 'redis',
  killRedis: 'redis',
  restartTemporal: 'temporal',
  killTemporal: 'temporal',
} as const;

/** Links to one server, from one of our processes or from all; or the link of the clients. */
function linksOf(random: Random): Link[] {
  const to = random.pick([...SERVERS, 'clients'] as const);
  const isOfAll = random.chance(0.5);
  const from = random.pick(MEMBERS);
  if (to === 'clients') return ['clients'];
  return (isOfAll ? MEMBERS : [from]).map((member) => ({ from: member, to }));
}

/** The processes, servers and links that a fault occupies. */
function touched(fault: Fault): string[] {
  switch (fault.kind) {
    case 'kill':
    case 'freeze':
      return [fault.member];
    case 'restart':
    case 'killServer':
    case 'readOnly':
      return [fault.server];
    case 'restartEmpty':
    case 'flush':
      return ['redis'];
    case 'skewTemporal':
      return ['temporal'];
    case 'backup':
      return ['postgres'];
    case 'cut':
    case 'refuse':
    case 'stall':
    case 'delay':
      return fault.links.map((link) => (link === 'clients' ? 'clients' : `${link.from} to ${link.to}`));
    case 'burst':
      return [];
    default:
      return touchedByMatchingFault(fault);
  }
}
