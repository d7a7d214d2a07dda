import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type AuditProblem,
  type ChainedEntry,
  type ChainHead,
  type CheckScope,
  followChain,
  type FollowedChain,
  type Rehash,
  type Rehashed,
} from '../domain/audit/auditChain';

/** A chain as stored in the database, its entries in any order. */
export type StoredChain = { chain: string; entries: readonly ChainedEntry[]; head: ChainHead };

/** Where the head of a chain stands: in the row of its delivery or driver, or among the heads of all others. */
export type HeadKind = 'delivery' | 'driver' | 'configuration';

export type DueChain = { chain: string; entries: number };

/** The result of a check. `named` are the first 100 of `problemCount` problems. */
export type AuditCheckReport = {
  checkId: number;
  chains: number;
  entries: number;
  problemCount: number;
  named: readonly AuditProblem[];
};

export type FinishedCheck = { finishedAt: number; problemCount: number };

/** The trail as read by a check. Each call reads one snapshot. */
export interface AuditChains {
  /** Chains within the scope, by name, after `after`, and how many entries each has. */
  dueChains(scope: CheckScope, after: string, limit: number): Promise<DueChain[]>;
  /** These chains with the heads stored in their rows, in one snapshot. */
  readChains(names: readonly string[]): Promise<StoredChain[]>;
  /**
   * Reads one chain in pages ordered by time, in one snapshot, until `onSome` returns false.
   * @returns the head stored in its row
   */
  walkChain(name: string, onSome: (entries: readonly ChainedEntry[]) => Promise<boolean>): Promise<ChainHead>;
  /**
   * Chains within the scope that have a row and no entry at all, among the rows after `after`.
   * @returns next `null` at the end
   */
  withoutEntries(
    scope: CheckScope,
    kind: HeadKind,
    after: string,
  ): Promise<{ chains: string[]; next: string | null }>;
  rehash: Rehash;
  /** The end of the range of the last finished check (epoch ms); null if there was none. */
  checkedTo(): Promise<number | null>;
  /** @returns the check's id */
  begin(check: { startedAt: number; checkedTo: number }): Promise<number>;
  finish(check: AuditCheckReport & { finishedAt: number }): Promise<void>;
}

/**
 * A few milliseconds of computing, so that a checking worker keeps dispatching and an API keeps answering.
 */
const HASHES_A_TURN = 100;

export type AuditService = {
  /** Verifies a delivery's chain now: its entries in order, and its problems. */
  check(deliveryId: string): Promise<FollowedChain>;
};

/** Verifies one delivery's chain on request. */
export function createAuditService(chains: Pick<AuditChains, 'readChains' | 'rehash'>): AuditService {
  return {
    check: async (deliveryId) => {
      const name = `delivery/${deliveryId}`;
      const [stored] = await chains.readChains([name]);
      return follow(chains, stored ?? { chain: name, entries: [], head: undefined });
    },
  };
}

/** Recomputes one chain's hashes and reports its problems. */
export async function follow(
  { rehash }: Pick<AuditChains, 'rehash'>,
  { chain, entries, head }: StoredChain,
): Promise<FollowedChain> {
  const hashes = await rehashed(entries, rehash);
  return followChain(chain, entries, head, (entry) => hashes.get(entry) ?? rehash(entry));
}

/** Hashes a chain's entries anew and yields to other work in between. */
export async function rehashed(
  entries: readonly ChainedEntry[],
  rehash: Rehash,
): Promise<Map<ChainedEntry, Rehashed>> {
  const hashes = new Map<ChainedEntry, Rehashed>();
  for (const [index, entry] of entries.entries()) {
    if (index % HASHES_A_TURN === 0) await nextTurn();
    hashes.set(entry, rehash(entry));
  }
  return hashes;
}
