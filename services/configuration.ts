import { createHash } from 'node:crypto';
import { type Actor } from '../domain/delivery/status';
import { type ConfigurationChain } from '../domain/delivery/deliveryState';
import { type Database, type Tx } from '../adapters/postgres/database';
import { lockChain, writeConfigurationEntry } from '../adapters/postgres/configurationTrail';
import { type Clock } from './ports';

/** What a row of configuration says: columns or fields by name. */
export type Settings = Readonly<Record<string, unknown>>;

/** Who changes something, under which correlation id, and why where they say so. */
export type ChangedBy = { by: Actor; correlationId: string; why?: string };

/**
 * The thing that changes. Its entries are in one chain: a city's with those of its zones, a merchant's, a
 * feature's. `cityId` null: it belongs to no city, and only ops of all cities see the entries.
 */
export type Changing = { chain: ConfigurationChain; subject: string; id: string; cityId: string | null };

/** The city id of entries that belong to no city. */
export const NO_CITY = '*';

/** The longest value that an entry holds as it is; of a longer one, such as an area, it holds the digest. */
const MOST_SHOWN = 2_000;

export type Configuration = {
  /**
   * Changes configuration in one transaction with its entry: who, what, from, to. Changes of one chain take
   * turns. Nothing is recorded where nothing changed.
   * @param write reads what stands there, and writes. @returns both, and what the caller wants to know
   */
  change<T>(
    changing: Changing,
    by: ChangedBy,
    write: (tx: Tx) => Promise<{ before: Settings | null; after: Settings; result: T }>,
  ): Promise<T>;
};

export function createConfiguration({ db, clock }: { db: Database; clock: Clock }): Configuration {
  return {
    change: (changing, by, write) =>
      db.$transaction(async (tx) => {
        const { chain, cityId } = changing;
        const head = await lockChain(tx, chain, cityId ?? NO_CITY);
        const { before, after, result } = await write(tx);
        await recordChange(tx, { changing, head, by, at: clock() }, before, after);
        return result;
      }),
  };
}

/** Records a change in a chain that the transaction has locked. @returns whether there was one */
export async function recordChange(
  tx: Tx,
  {
    changing: { chain, subject, id, cityId },
    head,
    by: { by: actor, correlationId, why },
    at,
  }: { changing: Changing; head: Uint8Array | null; by: ChangedBy; at: number },
  before: Settings | null,
  after: Settings,
): Promise<boolean> {
  const changes = changesOf(before ?? {}, after);
  if (before !== null && Object.keys(changes).length === 0) return false;
  const entry = {
    kind: `${subject}_${before === null ? 'created' : 'changed'}`,
    chain,
    driverId: null,
    actor,
    from: null,
    to: null,
    why: why ?? null,
    deviceAt: null,
    detail: { id, changes },
  };
  await writeConfigurationEntry(tx, entry, { cityId: cityId ?? NO_CITY, head, at, correlationId });
  return true;
}

/** The fields that differ, each from and to. */
export function changesOf(before: Settings, after: Settings): Record<string, { from: unknown; to: unknown }> {
  const names = Object.keys({ ...before, ...after });
  return Object.fromEntries(
    names
      .map((name) => [name, { from: shown(before[name]), to: shown(after[name]) }] as const)
      .filter(([, { from, to }]) => JSON.stringify(from) !== JSON.stringify(to)),
  );
}

function shown(value: unknown): unknown {
  const text = JSON.stringify(value ?? null);
  if (text.length <= MOST_SHOWN) return JSON.parse(text) as unknown;
  return { sha256: createHash('sha256').update(text).digest('hex'), characters: text.length };
}
