import { type AuditRecord } from './auditRecord';

/**
 * An entry as it is stored: what it says, the chain it stands in, the hash it follows and its own, both in
 * hex. `previous` null = the first of its chain.
 */
export type ChainedEntry = { record: AuditRecord; chain: string; previous: string | null; hash: string };

/** What can be wrong with a chain (ADR 11). */
export type AuditProblemKind =
  'CONTENT_DIFFERS' | 'LINK_MISSING' | 'TWO_FOLLOW' | 'HEAD_DIFFERS' | 'NO_ENTRIES' | 'NO_ROW';

/**
 * One thing wrong, by name. `entryId` null = it is about the chain as a whole; `cityId` null = nothing says
 * where.
 */
export type AuditProblem = {
  chain: string;
  entryId: string | null;
  cityId: string | null;
  kind: AuditProblemKind;
  detail: string;
};

/**
 * What the row of a delivery or a driver says of its chain: the hash of its last entry in hex. Null = the row
 * names none; undefined = there is no such row.
 */
export type ChainHead = { hash: string | null; cityId: string } | undefined;

/** A chain in its own order, whatever the clocks said, and what is wrong with it. */
export type FollowedChain = {
  chain: string;
  entries: readonly ChainedEntry[];
  problems: readonly AuditProblem[];
};

/** The hash of an entry in hex, given the one before it: SHA-256 in production. */
export type HashOf = (previous: string | null, record: AuditRecord) => string;

/** `delivery/<id>` or `driver/<id>`. */
export function chainNameOf({
  chain,
  deliveryId,
  driverId,
}: Pick<AuditRecord, 'chain' | 'deliveryId' | 'driverId'>): string {
  return chain === 'delivery' ? `delivery/${deliveryId}` : `driver/${driverId}`;
}

/**
 * Follows a chain from its first entry to its head and names all that does not hang together: entries that
 * are not what was hashed, that follow one that is not there or that another follows too, and an end that is
 * not the one its row names. What lies behind a gap is followed as well.
 * @param entries all that stand in the chain, in any order
 */
export function followChain(
  chain: string,
  entries: readonly ChainedEntry[],
  head: ChainHead,
  hashOf: HashOf,
): FollowedChain {
  const isAsHashed = new Map(
    entries.map((entry) => [entry, hashOf(entry.previous, entry.record) === entry.hash]),
  );
  const path = pathBack(
    entries.filter((entry) => isAsHashed.get(entry)),
    head?.hash ?? null,
  );
  const { lines, forks, gaps } = linesOf(
    entries,
    (entry) => Number(path.has(entry)) * 2 + Number(isAsHashed.get(entry)),
  );
  const cityId = head?.cityId ?? entries[0]?.record.cityId ?? null;
  const problem = (kind: AuditProblemKind, entry: ChainedEntry | null, detail: string): AuditProblem => ({
    chain,
    entryId: entry?.record.id ?? null,
    cityId,
    kind,
    detail,
  });
  const inOrder = lines.flat();
  return {
    chain,
    entries: inOrder,
    problems: [
      ...inOrder
        .filter((entry) => isAsHashed.get(entry) !== true)
        .map((entry) =>
          problem('CONTENT_DIFFERS', entry, 'the entry does not say what was hashed when it was written'),
        ),
      ...inOrder
        .filter((entry) => entry.chain !== chainNameOf(entry.record))
        .map((entry) =>
          problem('CONTENT_DIFFERS', entry, `the entry is one of ${chainNameOf(entry.record)}`),
        ),
      ...gaps.map((entry) => problem('LINK_MISSING', entry, 'the entry that this one follows is not there')),
      ...forks.map((entry) =>
        problem(
          'TWO_FOLLOW',
          entry,
          entry.previous === null
            ? 'another entry begins the chain too'
            : 'another entry follows the same one',
        ),
      ),
      ...headProblems(lines, head, problem),
    ],
  };
}

type Lines = {
  /** Runs of entries that follow one another. */
  lines: ChainedEntry[][];
  /** First entries of lines that branch off another. */
  forks: ChainedEntry[];
  /** First entries of lines whose predecessor is nowhere. */
  gaps: ChainedEntry[];
};

function linesOf(entries: readonly ChainedEntry[], isPreferred: (entry: ChainedEntry) => number): Lines {
  const ordered = [...entries].sort((a, b) => isPreferred(b) - isPreferred(a) || byTime(a, b));
  const followers = new Map<string | null, ChainedEntry[]>();
  for (const entry of ordered)
    followers.set(entry.previous, [...(followers.get(entry.previous) ?? []), entry]);
  const hashes = new Set(ordered.map(({ hash }) => hash));
  const seen = new Set<ChainedEntry>();
  const reached = new Set<string>();
  const found: Lines = { lines: [], forks: [], gaps: [] };
  const follow = (first: ChainedEntry): void => {
    const line: ChainedEntry[] = [];
    for (
      let next: ChainedEntry | undefined = first;
      next;
      next = followers.get(next.hash)?.find((entry) => !seen.has(entry))
    ) {
      seen.add(next);
      reached.add(next.hash);
      line.push(next);
    }
    found.lines.push(line);
  };
  const [beginning, ...others] = followers.get(null) ?? [];
  if (beginning) follow(beginning);
  for (const gap of ordered
    .filter(({ previous }) => previous !== null && !hashes.has(previous))
    .sort(byTime)) {
    found.gaps.push(gap);
    follow(gap);
  }
  for (const other of others) {
    found.forks.push(other);
    follow(other);
  }
  // What branches off a line, and then what only leads round in a circle.
  for (;;) {
    const rest = ordered.filter((entry) => !seen.has(entry));
    const forks = rest.filter(({ previous }) => previous !== null && reached.has(previous));
    const [first] = forks.length > 0 ? forks : rest;
    if (!first) return found;
    found[forks.length > 0 ? 'forks' : 'gaps'].push(first);
    follow(first);
  }
}

/**
 * The entries that lead back from the one that the row names as the last: of two that claim one place, they
 * are the rightful ones.
 */
function pathBack(entries: readonly ChainedEntry[], headHash: string | null): Set<ChainedEntry> {
  const byHash = new Map(entries.map((entry) => [entry.hash, entry]));
  const path = new Set<ChainedEntry>();
  for (
    let entry = byHash.get(headHash ?? '');
    entry && !path.has(entry);
    entry = byHash.get(entry.previous ?? '')
  )
    path.add(entry);
  return path;
}

function byTime({ record: a }: ChainedEntry, { record: b }: ChainedEntry): number {
  return a.at - b.at || (a.id < b.id ? -1 : 1);
}

type Say = (kind: AuditProblemKind, entry: ChainedEntry | null, detail: string) => AuditProblem;

/** The last entry of the chain is the one its row names, which no deletion of newest entries survives. */
function headProblems(lines: readonly ChainedEntry[][], head: ChainHead, problem: Say): AuditProblem[] {
  const ends = lines.flatMap((line) => line.at(-1) ?? []);
  const last = ends.at(-1) ?? null;
  if (head === undefined) return [problem('NO_ROW', last, 'there is no row of what the chain tells of')];
  if (last === null)
    return [
      problem(
        'NO_ENTRIES',
        null,
        head.hash === null ? 'nothing is recorded' : 'the row names a last entry, and there are none',
      ),
    ];
  if (ends.some(({ hash }) => hash === head.hash)) return [];
  if (head.hash === null) return [problem('HEAD_DIFFERS', last, 'the row names no last entry')];
  const named = lines.flat().find(({ hash }) => hash === head.hash);
  return [
    problem(
      'HEAD_DIFFERS',
      last,
      named
        ? `the row names entry ${named.record.id} as the last one`
        : 'the entry that the row names as the last one is not there',
    ),
  ];
}

/**
 * How much of the trail a check looks at: each chain with an entry since then (epoch ms), and those whose
 * names end with one of these digits.
 */
export type CheckScope = { since: number; lastDigits: readonly string[] };

const DAY_MS = 86_400_000;
const DIGITS = '0123456789abcdef';
/** So many of the sixteen last digits of ids are looked at a day: the whole trail in eight days. */
const DIGITS_A_DAY = 2;

/**
 * What a check that starts `now` looks at (ADR 11): what was touched since the last one that was finished,
 * and this day's share of all the rest.
 * @param checkedTo until when (epoch ms) the last finished one looked; null = there was none: then all of it
 */
export function scopeOfCheck(now: number, checkedTo: number | null): CheckScope {
  const first = (Math.floor(now / DAY_MS) * DIGITS_A_DAY) % DIGITS.length;
  return { since: checkedTo ?? 0, lastDigits: [...DIGITS.slice(first, first + DIGITS_A_DAY)] };
}
