import { z } from 'zod';
import { type AuditProblem, type ChainedEntry, type ChainHead, type CheckScope, followChain, type FollowedChain, type HashOf, scopeOfCheck } from '../domain/auditChain';
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
/** So many are held in memory, or one chain: a delivery's has some ten entries, a driver's may have thousands. */
const ENTRIES_AT_ONCE = 2_000;
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
      return followChain(name, stored?.entries ?? [], stored?.head, chains.hashOf);
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
  for (const some of inParts(due)) {
    const followed = (await chains.readChains(some)).map(({ chain, entries, head }) => followChain(chain, entries, head, chains.hashOf));
    at = noted({
      ...at, after: some.at(-1) ?? at.after, chains: at.chains + some.length, entries: at.entries + followed.reduce((sum, { entries }) => sum + entries.length, 0),
    }, followed.flatMap(({ problems }) => problems));
    beat(at);
  }
  return due.length < NAMES_AT_ONCE ? { ...at, walk: 'delivery', after: NO_ID } : at;
}

async function findWithoutEntries({ chains }: AuditCheckDeps, at: AuditCheckProgress & { walk: 'delivery' | 'driver' }): Promise<AuditCheckProgress> {
  const { chains: found, next } = await chains.withoutEntries(at.scope, at.walk, at.after);
  // Read again, with the row: an entry may have come since.
  const followed = (await chains.readChains(found)).map(({ chain, entries, head }) => followChain(chain, entries, head, chains.hashOf));
  const after = noted(at, followed.flatMap(({ problems }) => problems));
  if (next !== null) return { ...after, after: next };
  return { ...after, walk: at.walk === 'delivery' ? 'driver' : 'done', after: NO_ID };
}

function noted(at: AuditCheckProgress, problems: readonly AuditProblem[]): AuditCheckProgress {
  return { ...at, problemCount: at.problemCount + problems.length, named: [...at.named, ...problems].slice(0, MOST_NAMED) };
}

/** Names in their order, so many at once as can be held in memory. */
function inParts(due: readonly DueChain[]): string[][] {
  const parts: { names: string[]; entries: number }[] = [];
  for (const { chain, entries } of due) {
    const last = parts.at(-1);
    if (last && last.entries + entries <= ENTRIES_AT_ONCE) {
      last.names.push(chain);
      last.entries += entries;
    } else parts.push({ names: [chain], entries });
  }
  return parts.map(({ names }) => names);
}
