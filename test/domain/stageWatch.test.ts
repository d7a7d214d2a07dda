/** When a carrier takes too long for a stage. docs/behaviour.md#stages. */
import { describe, expect, it } from '@jest/globals';
import { LOSS_LIMITS } from '../../domain/driver/loss';
import { type Watch, type WatchedDriver, type WatchedJob } from '../../domain/driver/lossWatch';
import { type PlannedStage, STAGE_LIMITS, STAGES, watchStages } from '../../domain/driver/stageWatch';
import { type Point, TRAVEL_MODEL } from '../../domain/geo/places';

const START = 1_700_000_000_000;
const MINUTE = 60_000;
const PICKUP: Point = { lat: 52.37, lng: 4.89 };
/** This many metres north of the pickup. */
const away = (meters: number): Point => ({ lat: PICKUP.lat + meters / 111_195, lng: PICKUP.lng });
/** A kilometre by car: 3.25 minutes of way, twice. */
const KM = 6.5 * MINUTE;
const SLACK = STAGE_LIMITS.slackMs;

const job = (change: Partial<WatchedJob> = {}): WatchedJob => ({
  assignmentId: 'assignment',
  deliveryId: 'delivery',
  status: 'ASSIGNED',
  startedAt: START,
  changedAt: START,
  settledAt: null,
  readyAt: START,
  pickup: PICKUP,
  dropoff: away(3_000),
  meeting: null,
  progress: { fromMeters: null, progressAt: START, place: null, movedAt: START },
  plan: null,
  openCase: null,
  ...change,
});
const plan = (change: Partial<PlannedStage> = {}): PlannedStage => ({
  stage: 'ASSIGNED',
  since: START,
  dueAt: START + MINUTE,
  remindedAt: null,
  toldAt: null,
  ...change,
});
const driver = (jobs: readonly WatchedJob[], change: Partial<WatchedDriver> = {}): WatchedDriver => ({
  driverId: 'driver',
  cityId: 'ams',
  vehicle: 'CAR',
  lastSeenAt: START,
  place: { point: away(1_000), receivedAt: START },
  idleSince: null,
  jobs,
  ...change,
});
const watch = (now = START, change: Partial<Watch> = {}) => ({
  now,
  ingestUpSince: START - 60 * MINUTE,
  limits: LOSS_LIMITS,
  travel: TRAVEL_MODEL,
  timeScale: 1,
  stages: STAGE_LIMITS,
  ...change,
});
/** In how many ms the first job's stage should be over. */
function expectedMs(of: WatchedDriver, change: Partial<Watch> = {}): number {
  const [first] = watchStages(of, watch(START, change)).planned;
  return Math.round(((first?.planned.dueAt ?? 0) - START) / 1_000) * 1_000;
}
const told = (jobs: readonly WatchedJob[], now: number, change: Partial<Watch> = {}): string[] =>
  watchStages(driver(jobs), watch(now, change)).overdue.map(({ tell, stage }) => `${tell} of ${stage}`);

describe('the time of a stage', () => {
  it.each([
    ['to the pickup: the way', job(), KM + SLACK],
    ['to the pickup, ready later: till then', job({ readyAt: START + 30 * MINUTE }), 30 * MINUTE + SLACK],
    ['at the pickup', job({ status: 'AT_PICKUP' }), STAGE_LIMITS.atPickupMs],
    [
      'at the pickup, ready later: from then',
      job({ status: 'AT_PICKUP', readyAt: START + 20 * MINUTE }),
      20 * MINUTE + STAGE_LIMITS.atPickupMs,
    ],
    ['to the dropoff: from where they are', job({ status: 'PICKED_UP' }), 2 * KM + SLACK],
    ['to the dropoff, over a meeting point', job({ status: 'PICKED_UP', meeting: PICKUP }), 4 * KM + SLACK],
    ['at the dropoff', job({ status: 'AT_DROPOFF' }), STAGE_LIMITS.atDropoffMs],
    ['back to the shop', job({ status: 'RETURNING' }), KM + SLACK],
  ])('%s', (_stage, of, ms) => {
    expect(expectedMs(driver([of]))).toBe(ms);
  });

  it('is scaled with all durations, and longer where their place is not known', () => {
    expect(expectedMs(driver([job()]), { timeScale: 6.5 })).toBe(MINUTE + SLACK);
    expect(expectedMs(driver([job()], { place: null }))).toBe(3 * KM + SLACK);
  });

  it('includes other work in hand, which may come first', () => {
    const other = job({ assignmentId: 'other', status: 'AT_DROPOFF' });
    expect(expectedMs(driver([job(), other]))).toBe(KM + SLACK + STAGE_LIMITS.atDropoffMs);
  });
});

describe('a stage', () => {
  it('is planned once, and again for the next stage', () => {
    const planned = (of: WatchedJob) =>
      watchStages(driver([of]), watch()).planned.map((each) => each.planned);
    expect(planned(job({ plan: plan() }))).toEqual([]);
    expect(planned(job({ status: 'AT_PICKUP', plan: plan({ remindedAt: START, toldAt: START }) }))).toEqual([
      { ...plan({ stage: 'AT_PICKUP' }), dueAt: START + STAGE_LIMITS.atPickupMs },
    ]);
  });

  it('is planned anew after a step in another job, unless the driver was reminded', () => {
    const other = job({ assignmentId: 'other', changedAt: START + 1, plan: plan({ since: START + 1 }) });
    const ids = (of: WatchedJob) =>
      watchStages(driver([of, other]), watch()).planned.map(({ assignmentId }) => assignmentId);
    expect(ids(job({ plan: plan() }))).toEqual(['assignment']);
    expect(ids(job({ plan: plan({ remindedAt: START }) }))).toEqual([]);
  });

  it.each(STAGES)('%s that takes too long reminds the driver, and then asks ops, once each', (stage) => {
    const of = (change: Partial<PlannedStage>) => job({ status: stage, plan: plan({ stage, ...change }) });
    expect(told([of({})], START + MINUTE - 1)).toEqual([]);
    expect(told([of({})], START + MINUTE)).toEqual([`driver of ${stage}`]);
    const reminded = { remindedAt: START + MINUTE };
    const caseAt = START + MINUTE + STAGE_LIMITS.caseAfterMs;
    expect(told([of(reminded)], caseAt - 1)).toEqual([]);
    expect(told([of(reminded)], caseAt)).toEqual([`ops of ${stage}`]);
    expect(told([of({ ...reminded, toldAt: caseAt })], caseAt + 60 * MINUTE)).toEqual([]);
  });

  it('of a stage that is over tells nobody', () => {
    expect(told([job({ status: 'AT_PICKUP', plan: plan() })], START + 60 * MINUTE)).toEqual([]);
  });

  it('tells nobody while steps may not get through', () => {
    const late = [job({ plan: plan() })];
    const now = START + 60 * MINUTE;
    expect(told(late, now, { ingestUpSince: now - LOSS_LIMITS.silentMs + 1 })).toEqual([]);
    expect(told(late, now, { ingestUpSince: now - LOSS_LIMITS.silentMs })).toEqual(['driver of ASSIGNED']);
  });

  it('asks ops only where they have no case of the delivery: it comes when that is settled', () => {
    const reminded = plan({ remindedAt: START });
    const openCase = { caseId: 'case', reason: 'CARRIER_SILENT', driverId: 'driver' } as const;
    expect(told([job({ plan: reminded, openCase })], START + 60 * MINUTE)).toEqual([]);
    expect(told([job({ plan: reminded })], START + 60 * MINUTE)).toEqual(['ops of ASSIGNED']);
  });
});

it('a driver without work has no stage', () => {
  expect(watchStages(driver([]), watch())).toEqual({ planned: [], overdue: [] });
});
