import { setImmediate as nextTurn } from 'node:timers/promises';
import { type AuditRecord } from '../domain/audit/auditRecord';
import {
  type AuditProblem,
  type ChainedEntry,
  type ChainHead,
  type CheckScope,
  followChain,
  type FollowedChain,
  type HashOf,
} from '../domain/audit/auditChain';

/** A chain as it stands in the database, its entries in any order. */
export type StoredChain = { chain: string; entries: readonly ChainedEntry[]; head: ChainHead };

export type DueChain = { chain: string; entries: number };

/** What a check came to. `named` are the first 100 of `problemCount` problems. */
export type AuditCheckReport = {
  checkId: number;
  chains: number;
  entries: number;
  problemCount: number;
  named: readonly AuditProblem[];
};

export type FinishedCheck = { finishedAt: number; problemCount: number };

/** The trail as a check reads it. Each call sees one moment of the database. */
export interface AuditChains {
  /** Chains within the scope, by name, after `after`, and how many entries each has. */
  dueChains(scope: CheckScope, after: string, limit: number): Promise<DueChain[]>;
  /** These chains with what their rows say, all of the same moment. */
  readChains(names: readonly string[]): Promise<StoredChain[]>;
  /**
   * One chain, some entries after others by their time, until `onSome` says false: all of the same moment.
   * @returns what its row says
   */
  walkChain(name: string, onSome: (entries: readonly ChainedEntry[]) => Promise<boolean>): Promise<ChainHead>;
  /**
   * Chains within the scope that have a row and no entry at all, among the rows after `after`.
   * @returns next `null` at the end
   */
  withoutEntries(
    scope: CheckScope,
    kind: 'delivery' | 'driver',
    after: string,
  ): Promise<{ chains: string[]; next: string | null }>;
  hashOf: HashOf;
  /** Until when (epoch ms) the last finished check looked; null = there was none. */
  checkedTo(): Promise<number | null>;
  /** @returns the check's id */
  begin(check: { startedAt: number; checkedTo: number }): Promise<number>;
  finish(check: AuditCheckReport & { finishedAt: number }): Promise<void>;
}

/** Some milliseconds of computing: a worker that checks goes on dispatching, and an API answering. */
const HASHES_A_TURN = 100;

export type AuditService = {
  /** Follows a delivery's chain now: its entries in their order, and what is wrong with them. */
  check(deliveryId: string): Promise<FollowedChain>;
};

/** Follows one delivery's chain when somebody asks. */
export function createAuditService(chains: Pick<AuditChains, 'readChains' | 'hashOf'>): AuditService {
  return {
    check: async (deliveryId) => {
      const name = `delivery/${deliveryId}`;
      const [stored] = await chains.readChains([name]);
      return follow(chains, stored ?? { chain: name, entries: [], head: undefined });
    },
  };
}

/** Recomputes one chain's hashes and names what does not hang together. */
export async function follow(
  { hashOf }: Pick<AuditChains, 'hashOf'>,
  { chain, entries, head }: StoredChain,
): Promise<FollowedChain> {
  const hashes = await hashed(entries, hashOf);
  return followChain(
    chain,
    entries,
    head,
    (previous, record) => hashes.get(record) ?? hashOf(previous, record),
  );
}

/** Hashes of a chain's entries; lets other work have its turn meanwhile. */
export async function hashed(
  entries: readonly ChainedEntry[],
  hashOf: HashOf,
): Promise<Map<AuditRecord, string>> {
  const hashes = new Map<AuditRecord, string>();
  for (const [index, { previous, record }] of entries.entries()) {
    if (index % HASHES_A_TURN === 0) await nextTurn();
    hashes.set(record, hashOf(previous, record));
  }
  return hashes;
}
