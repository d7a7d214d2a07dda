import { z } from 'zod';
import {
  type AuditProblem,
  chainNameOf,
  type ChainedEntry,
  type Erased,
  isAsHashed,
  scopeOfCheck,
} from '../../domain/audit/auditChain';
import { erasedBy } from '../../domain/audit/auditTexts';
import {
  type AuditChains,
  type AuditCheckReport,
  type DueChain,
  follow,
  type HeadKind,
  rehashed,
} from '../../services/auditChains';
import { type Clock } from '../../services/ports';

export type AuditCheckDeps = {
  chains: AuditChains;
  clock: Clock;
  /** Reports progress. Throws if the check must stop and continue on another worker. */
  beat: (progress: AuditCheckProgress) => void;
  /** The last progress of the previous attempt; any other value if there was none. */
  resumeFrom: () => unknown;
  onReport: (report: AuditCheckReport) => void;
};

const NAMES_AT_ONCE = 500;
/** The most entries in memory. A longer chain is also read in pages while it is intact. */
const ENTRIES_AT_ONCE = 2_000;
const MOST_NAMED = 100;
/** The longest delay between an entry's time and its commit. */
const COMMIT_MS = 600_000;
const NOTHING_ERASED: Erased = new Map();
const NO_ID = '00000000-0000-0000-0000-000000000000';

const problem = z.object({
  chain: z.string(),
  entryId: z.string().nullable(),
  cityId: z.string().nullable(),
  detail: z.string(),
  kind: z.enum(['CONTENT_DIFFERS', 'LINK_MISSING', 'TWO_FOLLOW', 'HEAD_DIFFERS', 'NO_ENTRIES', 'NO_ROW']),
});
const progress = z.object({
  checkId: z.number(),
  scope: z.object({ since: z.number(), lastDigits: z.array(z.string()) }),
  /** Chains first, then rows that may have none. */
  walk: z.enum(['chains', 'delivery', 'driver', 'configuration', 'done']),
  after: z.string(),
  chains: z.number(),
  entries: z.number(),
  problemCount: z.number(),
  named: z.array(problem),
});
export type AuditCheckProgress = z.output<typeof progress>;

/**
 * Verifies the chains that are due (ADR 11) and reports broken ones. A repeat resumes where the previous
 * attempt stopped and may report the problems of an unfinished page twice.
 */
export function createAuditCheck(deps: AuditCheckDeps): () => Promise<Omit<AuditCheckReport, 'named'>> {
  return async () => {
    let at = progress.safeParse(deps.resumeFrom()).data ?? (await begin(deps));
    while (at.walk !== 'done') {
      deps.beat(at);
      at =
        at.walk === 'chains'
          ? await checkPage(deps, at)
          : await findWithoutEntries(deps, { ...at, walk: at.walk });
    }
    const { checkId, chains, entries, problemCount, named } = at;
    await deps.chains.finish({ checkId, chains, entries, problemCount, named, finishedAt: deps.clock() });
    deps.onReport({ checkId, chains, entries, problemCount, named });
    return { checkId, chains, entries, problemCount };
  };
}

async function begin({ chains, clock }: AuditCheckDeps): Promise<AuditCheckProgress> {
  const startedAt = clock();
  const scope = scopeOfCheck(startedAt, await chains.checkedTo());
  const checkId = await chains.begin({ startedAt, checkedTo: startedAt - COMMIT_MS });
  return {
    checkId,
    scope: { ...scope, lastDigits: [...scope.lastDigits] },
    walk: 'chains',
    after: '',
    chains: 0,
    entries: 0,
    problemCount: 0,
    named: [],
  };
}

async function checkPage(
  { chains, beat }: AuditCheckDeps,
  begun: AuditCheckProgress,
): Promise<AuditCheckProgress> {
  const due = await chains.dueChains(begun.scope, begun.after, NAMES_AT_ONCE);
  let at = begun;
  for (const part of inParts(due)) {
    const { entries, problems } = await checkPart(chains, part, () => beat(at));
    at = noted(
      {
        ...at,
        after: part.names.at(-1) ?? at.after,
        chains: at.chains + part.names.length,
        entries: at.entries + entries,
      },
      problems,
    );
    beat(at);
  }
  return due.length < NAMES_AT_ONCE ? { ...at, walk: 'delivery', after: NO_ID } : at;
}

async function findWithoutEntries(
  { chains }: AuditCheckDeps,
  at: AuditCheckProgress & { walk: HeadKind },
): Promise<AuditCheckProgress> {
  const { chains: found, next } = await chains.withoutEntries(at.scope, at.walk, at.after);
  // Reread with the row: an entry may have been added since.
  const after = noted(at, (await followStored(chains, found)).problems);
  if (next !== null) return { ...after, after: next };
  return { ...after, ...NEXT_WALK[at.walk] };
}

const NEXT_WALK = {
  delivery: { walk: 'driver', after: NO_ID },
  driver: { walk: 'configuration', after: '' },
  configuration: { walk: 'done', after: '' },
} as const satisfies Record<HeadKind, Pick<AuditCheckProgress, 'walk' | 'after'>>;

function noted(at: AuditCheckProgress, problems: readonly AuditProblem[]): AuditCheckProgress {
  return {
    ...at,
    problemCount: at.problemCount + problems.length,
    named: [...at.named, ...problems].slice(0, MOST_NAMED),
  };
}

type Checked = { entries: number; problems: readonly AuditProblem[] };
type Part = { names: string[]; entries: number };

async function checkPart(chains: AuditChains, { names, entries }: Part, beat: () => void): Promise<Checked> {
  const [name] = names;
  const walked =
    name !== undefined && entries > ENTRIES_AT_ONCE ? await walkThrough(chains, name, beat) : null;
  return walked === null ? followStored(chains, names) : { entries: walked, problems: [] };
}

async function followStored(
  chains: Pick<AuditChains, 'readChains' | 'rehash'>,
  names: readonly string[],
): Promise<Checked> {
  const checked: { entries: number; problems: AuditProblem[] } = { entries: 0, problems: [] };
  for (const stored of await chains.readChains(names)) {
    const { entries, problems } = await follow(chains, stored);
    checked.entries += entries.length;
    checked.problems.push(...problems);
  }
  return checked;
}

/**
 * Verifies a chain that is too long for memory: a busy driver app can make hundreds of thousands of entries.
 * Entries are read by time, which is the chain's order apart from clock skew. An entry that is early waits
 * for its turn.
 * @returns the number of entries; null if the chain is broken, so that all of it must be read to say where
 */
async function walkThrough(
  chains: Pick<AuditChains, 'walkChain' | 'rehash'>,
  name: string,
  beat: () => void,
): Promise<number | null> {
  const early = new Map<string | null, ChainedEntry>();
  /** Entries whose texts are gone, until the entry comes that lists their erasure. */
  const awaited = new Map<string, string>();
  const settle = (id: string, hash: string): void => void (awaited.get(id) === hash && awaited.delete(id));
  const walk: { last: string | null; count: number; isWhole: boolean } = {
    last: null,
    count: 0,
    isWhole: true,
  };
  const head = await chains.walkChain(name, async (entries) => {
    beat();
    const hashes = await rehashed(entries, chains.rehash);
    for (const entry of entries) {
      const { id } = entry.record;
      const found = hashes.get(entry) ?? chains.rehash(entry);
      if (isAsHashed(entry, found, NOTHING_ERASED))
        for (const each of erasedBy(entry.record)) settle(...each);
      else if (isAsHashed(entry, found, new Map([[id, found.hash]]))) awaited.set(id, found.hash);
      else walk.isWhole = false;
      walk.isWhole &&= entry.chain === chainNameOf(entry.record) && !early.has(entry.previous);
      early.set(entry.previous, entry);
    }
    for (let next = early.get(walk.last); next; next = early.get(walk.last)) {
      early.delete(walk.last);
      walk.last = next.hash;
      walk.count += 1;
    }
    walk.isWhole &&= early.size <= ENTRIES_AT_ONCE && awaited.size <= ENTRIES_AT_ONCE;
    return walk.isWhole;
  });
  return walk.isWhole &&
    early.size === 0 &&
    awaited.size === 0 &&
    head !== undefined &&
    head.hash === walk.last
    ? walk.count
    : null;
}

/** Names in order, in pages that fit in memory. */
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
