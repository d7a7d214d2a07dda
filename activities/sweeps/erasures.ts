import { type Database } from '../../adapters/postgres/database';
import { eraseAgedPlaces, eraseAgedRescues, eraseAgedTexts } from '../../adapters/postgres/agedTexts';
import { eraseAgedActs } from '../../adapters/postgres/zoneActRows';
import { eraseDeliveries, lockAged } from '../../adapters/postgres/erasedDeliveries';
import { type ErasedBy } from '../../adapters/postgres/erasedTexts';
import { type Erasures } from '../../services/erasures';
import { type Clock, type NewId } from '../../services/ports';

/** What one sweep erased. `isDone` false: its time was over, and the next one goes on. */
export type ErasureReport = {
  requested: number;
  deliveries: number;
  texts: number;
  rescues: number;
  zoneActs: number;
  isDone: boolean;
};

export type ErasureSweepDeps = {
  db: Database;
  erasures: Pick<Erasures, 'advance'>;
  clock: Clock;
  newId: NewId;
  /** How long personal data of deliveries is kept after their end, in ms; null = for ever. */
  keptMs: number | null;
  /** How long positions are kept. */
  positionsKeptMs: number;
  heartbeat: () => void;
};

const DELIVERIES_AT_ONCE = 50;
const REASONS_AT_ONCE = 500;
const DRIVERS_AT_ONCE = 2_000;
const NO_ID = '00000000-0000-0000-0000-000000000000';
/** Shorter than the time-out of the activity: a sweep ends by itself, and the next one goes on. */
const SWEEP_MS = 120_000;

/**
 * Erases in small transactions: what was requested first, then what is too old (docs/privacy.md#erasure). It may
 * stop and start anywhere.
 */
export function createErasureSweep(deps: ErasureSweepDeps): () => Promise<ErasureReport> {
  const { db, erasures, clock, newId, keptMs, positionsKeptMs, heartbeat } = deps;
  return async () => {
    const now = clock();
    const report: ErasureReport = {
      requested: 0,
      deliveries: 0,
      texts: 0,
      rescues: 0,
      zoneActs: 0,
      isDone: false,
    };
    const repeat = async (count: Exclude<keyof ErasureReport, 'isDone'>, step: Step): Promise<void> => {
      for (let did = await step(); did !== null && clock() < now + SWEEP_MS; did = await step()) {
        report[count] += did;
        heartbeat();
      }
    };
    const some = (act: () => Promise<number>) => async () => (await act()) || null;
    await repeat(
      'requested',
      some(() => erasures.advance()),
    );
    await erasePlaces(db, now - positionsKeptMs, heartbeat);
    if (keptMs !== null) {
      const by: ErasedBy = {
        actor: { kind: 'system', id: 'retention' },
        erasureId: null,
        at: now,
        correlationId: newId(),
      };
      await repeat(
        'deliveries',
        some(() => eraseAged(db, now - keptMs, by, now)),
      );
      await repeat('texts', () => eraseAgedTexts(db, now - keptMs, by));
      await repeat(
        'rescues',
        some(() => eraseAgedRescues(db, now - keptMs, REASONS_AT_ONCE)),
      );
      await repeat(
        'zoneActs',
        some(() => eraseAgedActs(db, now - keptMs, REASONS_AT_ONCE)),
      );
    }
    return { ...report, isDone: clock() < now + SWEEP_MS };
  };
}

/** One piece of work. @returns how much was done; null = nothing is left */
type Step = () => Promise<number | null>;

/** @returns how many deliveries */
function eraseAged(db: Database, before: number, by: ErasedBy, now: number): Promise<number> {
  return db.$transaction(async (tx) => {
    const due = await lockAged(tx, before, DELIVERIES_AT_ONCE);
    await eraseDeliveries(tx, due, ({ erasureId }) => ({ ...by, erasureId }), now);
    return due.length;
  });
}

async function erasePlaces(db: Database, before: number, heartbeat: () => void): Promise<void> {
  for (let after: string | null = NO_ID; after !== null; heartbeat())
    after = await eraseAgedPlaces(db, before, after, DRIVERS_AT_ONCE);
}
