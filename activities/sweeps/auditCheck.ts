import { z } from 'zod';
import {
  type AuditProblem,
  chainNameOf,
  type ChainedEntry,
  scopeOfCheck,
} from '../../domain/audit/auditChain';
import {
  type AuditChains,
  type AuditCheckReport,
  type DueChain,
  follow,
  hashed,
} from '../../services/auditChains';
import { type Clock } from '../../services/ports';

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
/**
 * So many are held in memory; of a chain that is longer no more either, as long as nothing is wrong with it.
 */
const ENTRIES_AT_ONCE = 2_000;
const MOST_NAMED = 100;
/** An entry may be committed so long after the time it bears. */
const COMMIT_MS = 600_000;
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
  /** Chains first, then rows that might have none. */
  walk: z.enum(['chains', 'delivery', 'driver', 'done']),
  after: z.string(),
  chains: z.number(),
  entries: z.number(),
  problemCount: z.number(),
  named: z.array(problem),
});
export type AuditCheckProgress = z.output<typeof progress>;

/**
 * Follows the chains that are due (ADR 11) and names what does not hang together. May be repeated; a repeat
 * goes on where the attempt before stopped, and names of a page that was not finished may then come twice.
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
  at: AuditCheckProgress & { walk: 'delivery' | 'driver' },
): Promise<AuditCheckProgress> {
  const { chains: found, next } = await chains.withoutEntries(at.scope, at.walk, at.after);
  // Read again, with the row: an entry may have come since.
  const after = noted(at, (await followStored(chains, found)).problems);
  if (next !== null) return { ...after, after: next };
  return { ...after, walk: at.walk === 'delivery' ? 'driver' : 'done', after: NO_ID };
}

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
  chains: Pick<AuditChains, 'readChains' | 'hashOf'>,
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
 * Follows a chain that is too long to be held: a driver's app that changes its mind all day makes one of
 * hundreds of thousands of entries. Entries come by their time, which is the chain's order but for what
 * clocks differ: what comes early waits for its turn.
 * @returns how many entries it has; null where it does not hang together so: then all of it must be looked
 *   at, to say what is wrong
 */
async function walkThrough(
  chains: Pick<AuditChains, 'walkChain' | 'hashOf'>,
  name: string,
  beat: () => void,
): Promise<number | null> {
  const early = new Map<string | null, ChainedEntry>();
  const walk: { last: string | null; count: number; isWhole: boolean } = {
    last: null,
    count: 0,
    isWhole: true,
  };
  const head = await chains.walkChain(name, async (entries) => {
    beat();
    const hashes = await hashed(entries, chains.hashOf);
    for (const entry of entries) {
      walk.isWhole &&=
        hashes.get(entry.record) === entry.hash &&
        entry.chain === chainNameOf(entry.record) &&
        !early.has(entry.previous);
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
  return walk.isWhole && early.size === 0 && head !== undefined && head.hash === walk.last
    ? walk.count
    : null;
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
