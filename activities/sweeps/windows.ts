import { v7 as newCorrelationId } from 'uuid';
import { readWindows, type WindowCursor, type WindowRow } from '../../adapters/postgres/windowRows';
import { type Database } from '../../adapters/postgres/database';
import { type WindowRisk, windowRisk } from '../../domain/orders/windowWatch';
import { type TravelModel } from '../../domain/geo/places';
import { type WindowRisks } from '../../services/windowRisks';
import { type Clock, type DriverMap, type Log } from '../../services/ports';

export type WindowsDeps = {
  db: Database;
  map: Pick<DriverMap, 'readViews'>;
  risks: WindowRisks;
  clock: Clock;
  travel: TravelModel;
  /** Divides travel times, as TIME_SCALE divides all durations. */
  timeScale: number;
  /** How long before the end of a window its risk is reported, at the latest. */
  warningMs: number;
  log: Pick<Log, 'warn'>;
  heartbeat: () => void;
};

/** `watched`: deliveries whose window ends soon. `told`: those of them that were reported now. */
export type WindowsReport = { watched: number; told: number; failed: number };

/** No way within a city takes longer, in real time. */
const LONGEST_WAY_MS = 3 * 3_600_000;
const PAGE = 500;

/**
 * Reports each delivery that is not expected within its window, once, before it is late. Sweeps may repeat and
 * overlap. A delivery that cannot be reported does not keep the others from it; the next sweep tries again.
 * @throws while PostgreSQL is down
 */
export function createWindowsSweep(deps: WindowsDeps): () => Promise<WindowsReport> {
  return async () => {
    const report: WindowsReport = { watched: 0, told: 0, failed: 0 };
    const { clock, timeScale, warningMs } = deps;
    const endsBefore = clock() + warningMs + LONGEST_WAY_MS / timeScale;
    for (let after: WindowCursor | null = null; ;) {
      const rows: WindowRow[] = await readWindows(deps.db, { endsBefore, after, limit: PAGE });
      report.watched += rows.length;
      for (const row of await withLatestPlaces(deps, rows)) {
        const risk = windowRisk(row, { ...deps, now: clock() });
        if (risk) await tell(deps, row, risk, report);
      }
      const last = rows.at(-1);
      if (!last || rows.length < PAGE) return report;
      after = { windowTo: last.windowTo, deliveryId: last.deliveryId };
      deps.heartbeat();
    }
  };
}

async function tell(
  { risks, log }: WindowsDeps,
  { deliveryId }: WindowRow,
  risk: WindowRisk,
  report: WindowsReport,
): Promise<void> {
  try {
    if (await risks.report(deliveryId, risk, newCorrelationId())) report.told++;
  } catch (error) {
    report.failed++;
    log.warn(
      { err: error, deliveryId },
      'a window at risk could not be reported; the next sweep tries again',
    );
  }
}

/** The newer place of live map and PostgreSQL. Without the map, a late place is better than none. */
async function withLatestPlaces({ map, log }: WindowsDeps, rows: readonly WindowRow[]): Promise<WindowRow[]> {
  const driverIds = [...new Set(rows.flatMap(({ driverId }) => driverId ?? []))];
  if (driverIds.length === 0) return [...rows];
  try {
    const views = new Map((await map.readViews(driverIds)).map((view) => [view.driverId, view]));
    return rows.map((row) => {
      const fix = row.driverId === null ? null : (views.get(row.driverId)?.entry?.lastFix ?? null);
      if (row.carrier === null || fix === null || (row.placeAt ?? 0) > fix.receivedAt) return row;
      return { ...row, carrier: { ...row.carrier, place: fix.point } };
    });
  } catch (error) {
    log.warn({ err: error }, 'the live map did not answer: windows are judged by stored places');
    return [...rows];
  }
}
