import type { Pool, PoolClient } from 'pg';
import { medianOf } from '../../simulator/client/latencies';
import { pause, poll } from '../../simulator/kit/pause';
import type { ServiceProcess } from '../../simulator/kit/processes';
import { type Heat, type Race, RACES } from './kinds';
import { type RaceReport, type RunDeps, runRace } from './run';

/** The worker, which is killed and restarted. */
export type Killable = { worker: ServiceProcess; startAgain: () => Promise<ServiceProcess> };

/**
 * `backP50Ms`: until the new worker was ready. `inTransaction`: kills that interrupted an open transaction of
 * the worker.
 */
export type KillReport = RaceReport & { kills: number; inTransaction: number; backP50Ms: number | null };

const SETTLE_MS = 30_000;
const GATHER_MS = 20_000;
const CAUGHT_WITHIN_MS = 5_000;
/** Races whose first offer lives long enough for all slots to be ready. */
const KILLED_RACES = RACES.filter(({ offerTtlSeconds }) => offerTtlSeconds === null);

/**
 * Each round: makes offers in all slots, locks the rows of most drivers, sends all answers at once, and kills
 * the worker with kill -9 once its transactions wait for those rows. Then it restarts the worker, and every
 * heat must end consistently.
 */
export async function runKills(
  deps: RunDeps,
  killable: Killable,
  kills: number,
): Promise<{ report: KillReport; worker: ServiceProcess }> {
  let { worker } = killable;
  const reports: RaceReport[] = [];
  const backMs: number[] = [];
  let inTransaction = 0;
  for (let round = 1; round <= kills; round++) {
    const gate = new Gate(deps.field.slots.length);
    const racing = runRace(deps, {
      race: gatedRace(gate, round),
      times: deps.field.slots.length,
      settleMs: SETTLE_MS,
    });
    await Promise.race([gate.isFull, pause(GATHER_MS)]);
    inTransaction += await killInTransaction(deps, worker, gate);
    const killedAt = Date.now();
    worker = await killable.startAgain();
    await worker.ready();
    backMs.push(Date.now() - killedAt);
    reports.push(await racing);
  }
  return { worker, report: { ...summed(reports), kills, inTransaction, backP50Ms: medianOf(backMs) } };
}

/** Lets all heats start together. */
class Gate {
  readonly heats: Heat[] = [];
  readonly isFull: Promise<void>;
  private fill: () => void = () => undefined;
  private open: () => void = () => undefined;
  private readonly isOpen = new Promise<void>((resolve) => (this.open = resolve));

  constructor(private readonly size: number) {
    this.isFull = new Promise((resolve) => (this.fill = resolve));
  }

  async wait(heat: Heat): Promise<void> {
    this.heats.push(heat);
    if (this.heats.length === this.size) this.fill();
    await this.isOpen;
  }

  release(): void {
    this.open();
  }
}

function gatedRace(gate: Gate, round: number): Race {
  return {
    name: 'worker-killed',
    words: 'answers while the worker is killed',
    offerTtlSeconds: null,
    prefix: `kill-${round}`,
    run: async (heat) => {
      await heat.firstOffer();
      await gate.wait(heat);
      return raceOf(heat.slot.index).run(heat);
    },
  };
}

function raceOf(slotIndex: number): Race {
  const race = KILLED_RACES[slotIndex % KILLED_RACES.length];
  if (!race) throw new Error('no race to be killed in');
  return race;
}

/** Going offline takes the driver's row in the API, whose transactions this test must not hold up. */
function isHeld(slotIndex: number): boolean {
  return raceOf(slotIndex).name !== 'against-offline';
}

/** @returns 1 where the kill interrupted an open transaction of the worker, else 0 */
async function killInTransaction(
  { inspection: { pool } }: RunDeps,
  worker: ServiceProcess,
  gate: Gate,
): Promise<number> {
  const holder = await pool.connect();
  try {
    await hold(
      holder,
      gate.heats.filter(({ slot }) => isHeld(slot.index)).map(({ slot }) => slot.near.driverId),
    );
    gate.release();
    const caught = await poll(() => waitingInWorker(pool), {
      everyMs: 2,
      deadlineAt: Date.now() + CAUGHT_WITHIN_MS,
    });
    await worker.kill();
    return caught ? 1 : 0;
  } finally {
    await holder.query('ROLLBACK').finally(() => holder.release());
  }
}

async function hold(holder: PoolClient, driverIds: readonly string[]): Promise<void> {
  await holder.query('BEGIN');
  await holder.query('SELECT id FROM drivers WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE', [
    [...driverIds],
  ]);
}

/** @returns true where a transaction of the worker waits for a row lock */
async function waitingInWorker(pool: Pool): Promise<true | undefined> {
  const { rows } = await pool.query<{
    waiting: number;
  }>(`SELECT count(*)::int AS waiting FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE '%worker%' AND wait_event_type = 'Lock'`);
  return (rows[0]?.waiting ?? 0) > 0 ? true : undefined;
}

function summed(reports: readonly RaceReport[]): RaceReport {
  const sum = (of: (report: RaceReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const worst = (of: (report: RaceReport) => number | null): number | null =>
    reports.reduce<number | null>((most, report) => Math.max(most ?? 0, of(report) ?? 0), null);
  return {
    race: 'worker-killed',
    times: sum(({ times }) => times),
    won: sum(({ won }) => won),
    lost: sum(({ lost }) => lost),
    broken: reports.flatMap(({ broken }) => broken),
    acceptP50Ms: worst(({ acceptP50Ms }) => acceptP50Ms),
    acceptP99Ms: worst(({ acceptP99Ms }) => acceptP99Ms),
    seconds: sum(({ seconds }) => seconds),
  };
}
