import { type AuditRecord } from './auditRecord';
import { erasedBy } from './auditTexts';

/**
 * A stored entry: its content, its chain, the hash of the previous entry and its own, both in hex. `previous`
 * null = first of its chain. `salt`, in hex: that of its texts; null = it has none, or they were erased.
 */
export type ChainedEntry = {
  record: AuditRecord;
  chain: string;
  previous: string | null;
  hash: string;
  salt: string | null;
};

/** What can be wrong with a chain (ADR 11). */
export type AuditProblemKind =
  'CONTENT_DIFFERS' | 'LINK_MISSING' | 'TWO_FOLLOW' | 'HEAD_DIFFERS' | 'NO_ENTRIES' | 'NO_ROW';

/**
 * One problem of a chain. `entryId` null = it concerns the whole chain; `cityId` null = the city is unknown.
 */
export type AuditProblem = {
  chain: string;
  entryId: string | null;
  cityId: string | null;
  kind: AuditProblemKind;
  detail: string;
};

/**
 * The head of a chain as the row of its delivery or driver stores it: the hash of the last entry in hex. Null
 * = the row names no entry; undefined = there is no row.
 */
export type ChainHead = { hash: string | null; cityId: string } | undefined;

/** A chain in hash order, whatever the clocks said, and its problems. */
export type FollowedChain = {
  chain: string;
  entries: readonly ChainedEntry[];
  problems: readonly AuditProblem[];
};

/**
 * An entry as hashed anew: SHA-256 in production. `texts`: what became of the texts that the hash covers by their
 * digest. NONE: the entry has no such digest.
 */
export type Rehashed = { hash: string; texts: 'NONE' | 'INTACT' | 'ERASED' | 'ALTERED' };
export type Rehash = (entry: ChainedEntry) => Rehashed;

/** The entries of a chain whose texts were erased, with the hash that each has since. */
export type Erased = ReadonlyMap<string, string>;

/** The erasures that these entries record, those that are as hashed. */
export function erasedIn(entries: readonly ChainedEntry[], rehash: Rehash): Erased {
  return new Map(
    entries.flatMap((entry) => {
      const listed = erasedBy(entry.record);
      return listed.length > 0 && isAsHashed(entry, rehash(entry), new Map()) ? listed : [];
    }),
  );
}

/**
 * Whether the entry says what was hashed. Texts may be gone where a later entry of the chain lists their
 * erasure: an entry that seals its texts keeps its hash, an older one has the listed hash since
 * (docs/privacy.md#in-the-audit-trail).
 */
export function isAsHashed(entry: ChainedEntry, { hash, texts }: Rehashed, erased: Erased): boolean {
  const since = erased.get(entry.record.id);
  switch (texts) {
    case 'NONE':
      return hash === entry.hash || hash === since;
    case 'INTACT':
      return hash === entry.hash;
    case 'ERASED':
      return hash === entry.hash && hash === since;
    case 'ALTERED':
      return false;
  }
}

/** `delivery/<id>`, `driver/<id>`, or a chain of the configuration. */
export function chainNameOf({
  chain,
  deliveryId,
  driverId,
}: Pick<AuditRecord, 'chain' | 'deliveryId' | 'driverId'>): string {
  switch (chain) {
    case 'delivery':
      return `delivery/${deliveryId}`;
    case 'driver':
      return `driver/${driverId}`;
    default:
      return chain;
  }
}

/** The reverse: whose chain it is, by its name. */
export function chainOf(name: string): AuditRecord['chain'] {
  const [kind, ...rest] = name.split('/');
  switch (kind) {
    case 'city':
    case 'merchant':
    case 'feature':
    case 'erasure':
      return `${kind}/${rest.join('/')}`;
    case 'delivery':
      return 'delivery';
    default:
      return 'driver';
  }
}

/**
 * Follows a chain from its first entry to its head and reports every break: changed content, a missing
 * predecessor, a fork, and an end that differs from the row's head. Entries behind a gap are followed as
 * well.
 * @param entries all entries of the chain, in any order
 */
export function followChain(
  chain: string,
  entries: readonly ChainedEntry[],
  head: ChainHead,
  rehash: Rehash,
): FollowedChain {
  const erased = erasedIn(entries, rehash);
  const isWhole = new Map(entries.map((entry) => [entry, isAsHashed(entry, rehash(entry), erased)]));
  const path = pathBack(
    entries.filter((entry) => isWhole.get(entry)),
    head?.hash ?? null,
  );
  const { lines, forks, gaps } = linesOf(
    entries,
    (entry) => Number(path.has(entry)) * 2 + Number(isWhole.get(entry)),
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
        .filter((entry) => isWhole.get(entry) !== true)
        .map((entry) => problem('CONTENT_DIFFERS', entry, 'the content differs from what was hashed')),
      ...inOrder
        .filter((entry) => entry.chain !== chainNameOf(entry.record))
        .map((entry) =>
          problem('CONTENT_DIFFERS', entry, `the entry is one of ${chainNameOf(entry.record)}`),
        ),
      ...gaps.map((entry) => problem('LINK_MISSING', entry, 'the previous entry is missing')),
      ...forks.map((entry) =>
        problem(
          'TWO_FOLLOW',
          entry,
          entry.previous === null ? 'a second entry begins the chain' : 'a second entry follows the same one',
        ),
      ),
      ...headProblems(lines, head, problem),
    ],
  };
}

type Lines = {
  /** Runs of entries that follow one another. */
  lines: ChainedEntry[][];
  /** First entries of forks. */
  forks: ChainedEntry[];
  /** First entries of lines whose predecessor is missing. */
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
  // Forks first, and then cycles.
  for (;;) {
    const rest = ordered.filter((entry) => !seen.has(entry));
    const forks = rest.filter(({ previous }) => previous !== null && reached.has(previous));
    const [first] = forks.length > 0 ? forks : rest;
    if (!first) return found;
    found[forks.length > 0 ? 'forks' : 'gaps'].push(first);
    follow(first);
  }
}

/** The entries on the path back from the head: of two entries in one place, these are the valid ones. */
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

/** Checks that the chain ends at the head of its row, which reveals a deletion of the newest entries. */
function headProblems(lines: readonly ChainedEntry[][], head: ChainHead, problem: Say): AuditProblem[] {
  const ends = lines.flatMap((line) => line.at(-1) ?? []);
  const last = ends.at(-1) ?? null;
  if (head === undefined) return [problem('NO_ROW', last, 'the delivery or driver of the chain has no row')];
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
        : 'the last entry that the row names is missing',
    ),
  ];
}

/**
 * The scope of a check: chains with an entry since then (epoch ms), and chains whose names end with one of
 * these digits.
 */
export type CheckScope = { since: number; lastDigits: readonly string[] };

const DAY_MS = 86_400_000;
const DIGITS = '0123456789abcdef';
/** How many of the sixteen last digits are checked each day: the whole trail within eight days. */
const DIGITS_A_DAY = 2;

/**
 * The scope of a check that starts `now`: what changed since the last finished check, and one day's share of
 * the rest. ADR 11.
 * @param checkedTo the end (epoch ms) of the last finished check; null = there was none, so everything is
 * checked
 */
export function scopeOfCheck(now: number, checkedTo: number | null): CheckScope {
  const first = (Math.floor(now / DAY_MS) * DIGITS_A_DAY) % DIGITS.length;
  return { since: checkedTo ?? 0, lastDigits: [...DIGITS.slice(first, first + DIGITS_A_DAY)] };
}
