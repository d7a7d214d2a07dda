import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { type AuditRecord } from '../domain/audit';
import { type AuditProblem, chainNameOf, type ChainedEntry, type ChainHead, type CheckScope, followChain, type FollowedChain, type HashOf, scopeOfCheck } from '../domain/auditChain';
import { type Clock } from './ports';

/** A chain as it stands in the database, its entries in any order. */
export type StoredChain = { chain: string; entries: readonly ChainedEntry[]; head: ChainHead };

export type DueChain = { chain: string; entries: number };

/** What a check came to. `named` are the first 100 of `problemCount` problems. */
export type AuditCheckReport = { checkId: number; chains: number; entries: number; problemCount: number; named: readonly AuditProblem[] };

export type FinishedCheck = { finishedAt: number; problemCount: number };

/** The trail as a check reads it. Each call sees one moment of the database. */
export interface AuditChains {
  /** Chains within the scope, by name, after `after`, and how many entries each has. */
  dueChains(scope: CheckScope, after: string, limit: number): Promise<DueChain[]>;
  /** These chains with what their rows say, all of the same moment. */
  readChains(names: readonly string[]): Promise<StoredChain[]>;
  /** One chain, some entries after others by their time, until `onSome` says false: all of the same moment. @returns what its row says */
  walkChain(name: string, onSome: (entries: readonly ChainedEntry[]) => Promise<boolean>): Promise<ChainHead>;
  /** Chains within the scope that have a row and no entry at all, among the rows after `after`. @returns next `null` at the end */
  withoutEntries(scope: CheckScope, kind: 'delivery' | 'driver', after: string): Promise<{ chains: string[]; next: string | null }>;
  hashOf: HashOf;
  /** Until when (epoch ms) the last finished check looked; null = there was none. */
  checkedTo(): Promise<number | null>;
  /** @returns the check's id */
  begin(check: { startedAt: number; checkedTo: number }): Promise<number>;
  finish(check: AuditCheckReport & { finishedAt: number }): Promise<void>;
}

export type AuditCheckDeps = {
  chains: AuditChains;
  clock: Clock;
  /** Says how far the check is; throws where the check is to end, to be gone on with elsewhere. */
  beat: (progress: AuditCheckProgress) => void;
  /** What the attempt before said last; anything else where there was none. */
  resumeFrom: () => unknown;
  onReport: (report: AuditCheckReport) => void;
};

const NAMES_AT_ONCE = 500;
/** So many are held in memory; of a chain that is longer no more either, as long as nothing is wrong with it. */
const ENTRIES_AT_ONCE = 2_000;
/** Some milliseconds of computing: a worker that checks goes on dispatching, and an API answering. */
const HASHES_A_TURN = 100;
const MOST_NAMED = 100;
/** An entry may be committed so long after the time it bears. */
const COMMIT_MS = 600_000;
const NO_ID = '00000000-0000-0000-0000-000000000000';

const problem = z.object({
  chain: z.string(), entryId: z.string().nullable(), cityId: z.string().nullable(), detail: z.string(),
  kind: z.enum(['CONTENT_DIFFERS', 'LINK_MISSING', 'TWO_FOLLOW', 'HEAD_DIFFERS', 'NO_ENTRIES', 'NO_ROW']),
});
const progress = z.object({
  checkId: z.number(), scope: z.object({ since: z.number(), lastDigits: z.array(z.string()) }),
  /** Chains first, then rows that might have none. */
  walk: z.enum(['chains', 'delivery', 'driver', 'done']), after: z.string(),
  chains: z.number(), entries: z.number(), problemCount: z.number(), named: z.array(problem),
});
export type AuditCheckProgress = z.output<typeof progress>;

/**
 * Follows the chains that are due (ADR 11) and names what does not hang together. May be repeated; a repeat goes on where the attempt before stopped, and names of a
 * page that was not finished may then come twice.
 */
export function createAuditCheck(deps: AuditCheckDeps): () => Promise<Omit<AuditCheckReport, 'named'>> {
  return async () => {
    let at = progress.safeParse(deps.resumeFrom()).data ?? (await begin(deps));
    while (at.walk !== 'done') {
      deps.beat(at);
      at = at.walk === 'chains' ? await checkPage(deps, at) : await findWithoutEntries(deps, { ...at, walk: at.walk });
    }
    const { checkId, chains, entries, problemCount, named } = at;
    await deps.chains.finish({ checkId, chains, entries, problemCount, named, finishedAt: deps.clock() });
    deps.onReport({ checkId, chains, entries, problemCount, named });
    return { checkId, chains, entries, problemCount };
  };
}

/** Follows one delivery's chain when somebody asks. */
export function createAuditDesk(chains: Pick<AuditChains, 'readChains' | 'hashOf'>): { check(deliveryId: string): Promise<FollowedChain> } {
  return {
    check: async (deliveryId) => {
      const name = `delivery/${deliveryId}`;
      const [stored] = await chains.readChains([name]);
      return follow(chains, stored ?? { chain: name, entries: [], head: undefined });
    },
  };
}

async function begin({ chains, clock }: AuditCheckDeps): Promise<AuditCheckProgress> {
  const startedAt = clock();
  const scope = scopeOfCheck(startedAt, await chains.checkedTo());
  const checkId = await chains.begin({ startedAt, checkedTo: startedAt - COMMIT_MS });
  return { checkId, scope: { ...scope, lastDigits: [...scope.lastDigits] }, walk: 'chains', after: '', chains: 0, entries: 0, problemCount: 0, named: [] };
}

async function checkPage({ chains, beat }: AuditCheckDeps, begun: AuditCheckProgress): Promise<AuditCheckProgress> {
  const due = await chains.dueChains(begun.scope, begun.after, NAMES_AT_ONCE);
  let at = begun;
  for (const part of inParts(due)) {
    const { entries, problems } = await checkPart(chains, part, () => beat(at));
    at = noted({ ...at, after: part.names.at(-1) ?? at.after, chains: at.chains + part.names.length, entries: at.entries + entries }, problems);
    beat(at);
  }
  return due.length < NAMES_AT_ONCE ? { ...at, walk: 'delivery', after: NO_ID } : at;
}

async function findWithoutEntries({ chains }: AuditCheckDeps, at: AuditCheckProgress & { walk: 'delivery' | 'driver' }): Promise<AuditCheckProgress> {
  const { chains: found, next } = await chains.withoutEntries(at.scope, at.walk, at.after);
  // Read again, with the row: an entry may have come since.
  const after = noted(at, (await followStored(chains, found)).problems);
  if (next !== null) return { ...after, after: next };
  return { ...after, walk: at.walk === 'delivery' ? 'driver' : 'done', after: NO_ID };
}

function noted(at: AuditCheckProgress, problems: readonly AuditProblem[]): AuditCheckProgress {
  return { ...at, problemCount: at.problemCount + problems.length, named: [...at.named, ...problems].slice(0, MOST_NAMED) };
}

type Checked = { entries: number; problems: readonly AuditProblem[] };
type Part = { names: string[]; entries: number };

async function checkPart(chains: AuditChains, { names, entries }: Part, beat: () => void): Promise<Checked> {
  const [name] = names;
  const walked = name !== undefined && entries > ENTRIES_AT_ONCE ? await walkThrough(chains, name, beat) : null;
  return walked === null ? followStored(chains, names) : { entries: walked, problems: [] };
}

async function followStored(chains: Pick<AuditChains, 'readChains' | 'hashOf'>, names: readonly string[]): Promise<Checked> {
  const checked: { entries: number; problems: AuditProblem[] } = { entries: 0, problems: [] };
  for (const stored of await chains.readChains(names)) {
    const { entries, problems } = await follow(chains, stored);
    checked.entries += entries.length;
    checked.problems.push(...problems);
  }
  return checked;
}

async function follow({ hashOf }: Pick<AuditChains, 'hashOf'>, { chain, entries, head }: StoredChain): Promise<FollowedChain> {
  const hashes = await hashed(entries, hashOf);
  return followChain(chain, entries, head, (previous, record) => hashes.get(record) ?? hashOf(previous, record));
}

/** Lets others have their turn meanwhile. */
async function hashed(entries: readonly ChainedEntry[], hashOf: HashOf): Promise<Map<AuditRecord, string>> {
  const hashes = new Map<AuditRecord, string>();
  for (const [index, { previous, record }] of entries.entries()) {
    if (index % HASHES_A_TURN === 0) await nextTurn();
    hashes.set(record, hashOf(previous, record));
  }
  return hashes;
}

/**
 * Follows a chain that is too long to be held: a driver's app that changes its mind all day makes one of hundreds of thousands of entries. Entries come by their time,
 * which is the chain's order but for what clocks differ: what comes early waits for its turn.
 * @returns how many entries it has; null where it does not hang together so: then all of it must be looked at, to say what is wrong
 */
async function walkThrough(chains: Pick<AuditChains, 'walkChain' | 'hashOf'>, name: string, beat: () => void): Promise<number | null> {
  const early = new Map<string | null, ChainedEntry>();
  const walk: { last: string | null; count: number; isWhole: boolean } = { last: null, count: 0, isWhole: true };
  const head = await chains.walkChain(name, async (entries) => {
    beat();
    const hashes = await hashed(entries, chains.hashOf);
    for (const entry of entries) {
      walk.isWhole &&= hashes.get(entry.record) === entry.hash && entry.chain === chainNameOf(entry.record) && !early.has(entry.previous);
      early.set(entry.previous, entry);
    }
    for (let next = early.get(walk.last); next; next = early.get(walk.last)) {
      early.delete(walk.last);
      walk.last = next.hash;
      walk.count += 1;
    }
    walk.isWhole &&= early.size <= ENTRIES_AT_ONCE;
    return walk.isWhole;
  });
  return walk.isWhole && early.size === 0 && head !== undefined && head.hash === walk.last ? walk.count : null;
}

/** Names in their order, so many at once as can be held in memory. */
function inParts(due: readonly DueChain[]): Part[] {
  const parts: Part[] = [];
  for (const { chain, entries } of due) {
    const last = parts.at(-1);
    if (last && last.entries + entries <= ENTRIES_AT_ONCE) {
      last.names.push(chain);
      last.entries += entries;
    } else parts.push({ names: [chain], entries });
  }
  return parts;
}
