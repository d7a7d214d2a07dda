import { describe, expect, it } from '@jest/globals';
import { LOSS_LIMITS } from '../../domain/driver/loss';
import { type Watch, watchDriver, type WatchedDriver, type WatchedJob } from '../../domain/driver/lossWatch';
import { type Point, TRAVEL_MODEL } from '../../domain/geo/places';
import { CASE_REASONS } from '../../domain/support/supportCase';

const START = 1_700_000_000_000;
const MINUTE = 60_000;
const SILENT = LOSS_LIMITS.silentMs;
const AT_STOP = LOSS_LIMITS.silentAtStopMs;
const PICKUP: Point = { lat: 52.37, lng: 4.89 };
/** This many metres north of the pickup. */
const away = (meters: number): Point => ({ lat: PICKUP.lat + meters / 111_195, lng: PICKUP.lng });

const job = (change: Partial<WatchedJob> = {}): WatchedJob => ({
  assignmentId: 'assignment',
  deliveryId: 'delivery',
  status: 'ASSIGNED',
  startedAt: START,
  changedAt: START,
  settledAt: null,
  readyAt: START,
  pickup: PICKUP,
  dropoff: away(50_000),
  meeting: null,
  plan: null,
  openCase: null,
  progress: { fromMeters: null, progressAt: START, place: null, movedAt: START },
  ...change,
});

function driver(change: Partial<WatchedDriver> = {}): WatchedDriver {
  return {
    driverId: 'driver',
    cityId: 'ams',
    vehicle: 'CAR',
    lastSeenAt: START,
    place: { point: away(1_000), receivedAt: change.lastSeenAt ?? START },
    idleSince: null,
    jobs: [job()],
    ...change,
  };
}

const watch = (now: number, change: Partial<Watch> = {}): Watch => ({
  now,
  ingestUpSince: START - 60 * MINUTE,
  limits: LOSS_LIMITS,
  travel: TRAVEL_MODEL,
  timeScale: 1,
  ...change,
});
const causes = (of: WatchedDriver, on: Watch): string[] => watchDriver(of, on).losses.map(({ why }) => why);
const caseOf = (reason: (typeof CASE_REASONS)[number], driverId: string | null = 'driver') => ({
  caseId: 'case',
  reason,
  driverId,
});

describe('a driver with work', () => {
  it('is silent after three minutes and not before', () => {
    expect(watchDriver(driver(), watch(START + SILENT - 1))).toMatchObject({ isSilent: false, losses: [] });
    expect(watchDriver(driver(), watch(START + SILENT))).toMatchObject({
      isSilent: true,
      losses: [
        { driverId: 'driver', deliveryId: 'delivery', assignmentId: 'assignment', why: 'FELL_SILENT' },
      ],
    });
  });

  it.each([
    ['ASSIGNED', SILENT],
    ['AT_PICKUP', AT_STOP],
    ['PICKED_UP', SILENT],
    ['AT_DROPOFF', AT_STOP],
    ['RETURNING', SILENT],
  ] as const)('is lost for silence while the delivery is %s, after %s ms', (status, afterMs) => {
    const at = (now: number): string[] => causes(driver({ jobs: [job({ status })] }), watch(now));
    expect(at(START + afterMs - 1)).toEqual([]);
    expect(at(START + afterMs)).toEqual(['FELL_SILENT']);
  });

  it.each([
    ['ASSIGNED', away(149), AT_STOP],
    ['ASSIGNED', away(151), SILENT],
    ['PICKED_UP', away(49_900), AT_STOP],
    ['PICKED_UP', away(0), SILENT],
    ['RETURNING', away(0), AT_STOP],
  ] as const)(
    'who was last seen near the next stop counts as at the stop: %s at %j',
    (status, point, afterMs) => {
      const place = { point, receivedAt: START };
      const at = (now: number): string[] => causes(driver({ place, jobs: [job({ status })] }), watch(now));
      expect(at(START + afterMs - 1)).toEqual([]);
      expect(at(START + afterMs)).toEqual(['FELL_SILENT']);
    },
  );

  it('has that patience for all jobs while at the stop of one, and never less than elsewhere', () => {
    const jobs = [job({ status: 'AT_PICKUP' }), job({ assignmentId: 'other' })];
    expect(causes(driver({ jobs }), watch(START + AT_STOP - 1))).toEqual([]);
    expect(causes(driver({ jobs }), watch(START + AT_STOP))).toEqual(['FELL_SILENT', 'FELL_SILENT']);
    const limits = { ...LOSS_LIMITS, silentAtStopMs: 1 };
    expect(causes(driver({ jobs }), watch(START + SILENT - 1, { limits }))).toEqual([]);
  });

  it('counts silence from the assignment and from the time ingest came up', () => {
    const never = driver({ lastSeenAt: null, place: null, jobs: [job({ startedAt: START + MINUTE })] });
    expect(causes(never, watch(START + SILENT))).toEqual([]);
    expect(causes(never, watch(START + MINUTE + SILENT))).toEqual(['FELL_SILENT']);
    expect(causes(never, watch(START + MINUTE + SILENT, { ingestUpSince: START + 2 * MINUTE }))).toEqual([]);
  });

  it('with two jobs is lost for the older one first', () => {
    const two = driver({ jobs: [job(), job({ assignmentId: 'later', startedAt: START + MINUTE })] });
    expect(watchDriver(two, watch(START + SILENT))).toMatchObject({
      isSilent: true,
      losses: [{ assignmentId: 'assignment' }],
    });
    expect(watchDriver(two, watch(START + SILENT + MINUTE)).losses).toHaveLength(2);
  });
});

it('a driver without work is silent, but not lost', () => {
  expect(watchDriver(driver({ jobs: [] }), watch(START + SILENT))).toMatchObject({
    isSilent: true,
    losses: [],
  });
  expect(
    watchDriver(driver({ jobs: [], lastSeenAt: null, idleSince: START + 1 }), watch(START + SILENT)),
  ).toMatchObject({ isSilent: false });
});

describe('an open case of the delivery', () => {
  const silent = (openCase: WatchedJob['openCase']): string[] =>
    causes(driver({ jobs: [job({ openCase })] }), watch(START + SILENT));
  it.each([
    'CARRIER_SILENT',
    'PINNED_DRIVER_SILENT',
    'DRIVER_AT_PICKUP_SILENT',
    'CARRIER_BROKE_DOWN',
    'CARRIER_GAVE_UP',
  ] as const)('about %s is not reported again', (reason) => {
    expect(silent(caseOf(reason))).toEqual([]);
  });

  it.each(['UNASSIGNED', 'PINNED_DRIVER_STANDS_STILL', 'REASSIGNMENT_OFF', 'PINNED_DRIVER_LOST'] as const)(
    'about %s does not suppress silence',
    (reason) => {
      expect(silent(caseOf(reason))).toEqual(['FELL_SILENT']);
    },
  );

  it('about silence is no sign of an ingest outage; about another matter it leaves the driver countable', () => {
    const known = (reason: (typeof CASE_REASONS)[number], now: number): boolean =>
      watchDriver(driver({ jobs: [job({ openCase: caseOf(reason) })] }), watch(now)).isKnownSilent;
    for (const reason of CASE_REASONS) expect(known(reason, START + SILENT)).toBe(reason.endsWith('_SILENT'));
    expect(known('CARRIER_SILENT', START + SILENT - 1)).toBe(false);
  });

  it('that was resolved reopens only after the whole time', () => {
    const settled = driver({ jobs: [job({ settledAt: START + MINUTE })] });
    expect(watchDriver(settled, watch(START + SILENT))).toMatchObject({ isSilent: false, losses: [] });
    expect(causes(settled, watch(START + MINUTE + SILENT))).toEqual(['FELL_SILENT']);
    const still = (minutes: number): string[] =>
      causes(
        driver({ lastSeenAt: START + minutes * MINUTE, jobs: [job({ settledAt: START + 2 * MINUTE })] }),
        watch(START + minutes * MINUTE),
      );
    expect(still(6.9)).toEqual([]);
    expect(still(7)).toEqual(['NO_PROGRESS']);
  });

  it('about another driver does not suppress this loss', () =>
    expect(silent(caseOf('CARRIER_SILENT', 'other'))).toEqual(['FELL_SILENT']));

  it('about standing still is not repeated, and not resolved by a position at the same place', () => {
    const still = driver({
      lastSeenAt: START + 6 * MINUTE,
      jobs: [job({ openCase: caseOf('PINNED_DRIVER_STANDS_STILL') })],
    });
    expect(watchDriver(still, watch(START + 6 * MINUTE))).toMatchObject({ losses: [], silenceOver: [] });
  });
});

describe('a case about silence', () => {
  const heard = (
    lastSeenAt: number | null,
    reason: (typeof CASE_REASONS)[number],
    now: number,
    driverId = 'driver',
  ): string[] =>
    watchDriver(
      driver({ lastSeenAt, place: null, jobs: [job({ openCase: caseOf(reason, driverId) })] }),
      watch(now, { ingestUpSince: now }),
    ).silenceOver;

  it('is resolved once the driver is heard from, and not when ingest comes up', () => {
    for (const reason of ['CARRIER_SILENT', 'PINNED_DRIVER_SILENT'] as const) {
      expect(heard(START + 10 * MINUTE, reason, START + 10 * MINUTE)).toEqual(['case']);
      expect(heard(START, reason, START + 10 * MINUTE)).toEqual([]);
      expect(heard(null, reason, START + 10 * MINUTE)).toEqual([]);
    }
  });

  it('about another driver or another matter stays open', () => {
    expect(heard(START, 'CARRIER_SILENT', START, 'other')).toEqual([]);
    for (const reason of CASE_REASONS.filter((each) => !each.endsWith('_SILENT')))
      expect(heard(START, reason, START)).toEqual([]);
  });
});

describe('progress towards the pickup', () => {
  /** Looks every half minute at a driver who is so many metres away, minute by minute; the causes seen. */
  function follow(
    places: readonly number[],
    of: Partial<WatchedJob> = {},
    on: Partial<Watch> = {},
  ): string[] {
    let seen: string[] = [];
    let { progress } = job(of);
    for (let half = 0; half < places.length * 2; half++) {
      const now = START + half * 30_000;
      const found = watchDriver(
        driver({
          lastSeenAt: now,
          place: { point: away(places[Math.floor(half / 2)] ?? 0), receivedAt: now },
          jobs: [job({ ...of, progress })],
        }),
        watch(now, on),
      );
      progress = found.progress[0]?.progress ?? progress;
      seen = [...seen, ...found.losses.map(({ why }) => `${why} at ${half / 2}`)];
    }
    return seen;
  }

  it('counts from the assignment: a driver who never moves is lost after five minutes', () => {
    expect(follow([1_000, 1_000, 1_000, 1_000, 1_000])).toEqual([]);
    expect(follow([1_000, 1_000, 1_000, 1_000, 1_000, 1_000])).toEqual([
      'NO_PROGRESS at 5',
      'NO_PROGRESS at 5.5',
    ]);
  });

  it('means coming a hundred metres nearer, not wobbling', () => {
    expect(follow([1_000, 950, 899, 899, 850, 899, 899])).toEqual([]);
    expect(follow([1_000, 950, 950, 1_050, 950, 1_000])).toEqual(['NO_PROGRESS at 5', 'NO_PROGRESS at 5.5']);
  });

  it('may first lead away, as to a bridge', () => {
    const toTheBridge = [300, 800, 1_300, 1_800, 2_300, 2_800, 3_300, 3_800, 4_300];
    expect(follow([...toTheBridge, 3_800, 3_300, 2_800, 2_300, 1_800, 1_300, 800, 300])).toEqual([]);
  });

  it('is lacking where a driver only drives away', () => {
    const away = Array.from({ length: 17 }, (_, minute) => 1_000 + minute * 400);
    expect(follow(away)).toEqual([15, 15.5, 16, 16.5].map((minute) => `NO_PROGRESS at ${minute}`));
  });

  it('goes on after one position that was wrong', () => {
    expect(follow([4_000, 3_700, 200, 3_100, 2_800, 2_500, 2_200, 1_900, 1_600, 1_300])).toEqual([]);
  });

  it('is not required near the pickup, where drivers wait', () => {
    expect(follow([400, 140, 149, 140, 140, 140, 140, 140, 140, 140])).toEqual([]);
  });

  it('is not required before the time to leave', () => {
    const readyAt = START + 10 * MINUTE; // 1 km is 3.25 minutes by car: to leave after 6:45
    expect(follow(Array<number>(11).fill(1_000), { readyAt })).toEqual([]);
    expect(follow(Array<number>(13).fill(1_000), { readyAt })).toEqual([
      'NO_PROGRESS at 12',
      'NO_PROGRESS at 12.5',
    ]);
    // 20 s of way: to leave after 9:40
    expect(follow(Array<number>(13).fill(1_000), { readyAt }, { timeScale: 10 })).toEqual([]);
  });

  it('is not watched after the arrival', () => {
    for (const status of ['AT_PICKUP', 'PICKED_UP', 'AT_DROPOFF', 'RETURNING'] as const)
      expect(follow(Array<number>(8).fill(1_000), { status })).toEqual([]);
  });

  it('is not judged while ingest is down', () =>
    expect(follow(Array<number>(8).fill(1_000), {}, { ingestUpSince: START + 3 * MINUTE })).toEqual([]));

  it('is not judged for a silent driver', () => {
    const quiet = driver({
      lastSeenAt: START + 4 * MINUTE,
      place: { point: away(1_000), receivedAt: START + 4 * MINUTE },
    });
    expect(watchDriver(quiet, watch(START + 6 * MINUTE))).toMatchObject({ isSilent: false, losses: [] });
    expect(
      causes(driver({ lastSeenAt: START + 6 * MINUTE, place: null }), watch(START + 6 * MINUTE)),
    ).toEqual([]);
  });

  it('is not required during other work, and counts anew after it', () => {
    const now = START + 10 * MINUTE;
    const fix = { lastSeenAt: now, place: { point: away(1_000), receivedAt: now } };
    const seen = watchDriver(
      driver({ ...fix, jobs: [job(), job({ assignmentId: 'first', status: 'PICKED_UP' })] }),
      watch(now),
    );
    expect(seen).toMatchObject({
      losses: [],
      progress: [
        {
          assignmentId: 'assignment',
          progress: { fromMeters: null, progressAt: now, place: null, movedAt: now },
        },
      ],
    });
  });

  it('towards one of several pickups is enough', () => {
    const now = START + 10 * MINUTE;
    const fix = { lastSeenAt: now, place: { point: away(1_000), receivedAt: now } };
    const [here, there] = [
      job({ progress: { fromMeters: 1_000, progressAt: START, place: away(1_000), movedAt: START } }),
      job({
        assignmentId: 'there',
        pickup: away(3_000),
        progress: { fromMeters: 2_500, progressAt: START, place: away(2_500), movedAt: START },
      }),
    ];
    expect(causes(driver({ ...fix, jobs: [here, there] }), watch(now))).toEqual([]);
    expect(causes(driver({ ...fix, jobs: [here] }), watch(now))).toEqual(['NO_PROGRESS']);
  });

  it('reports nothing without a change', () => {
    const known = job({
      progress: { fromMeters: 1_000, progressAt: START, place: away(1_000), movedAt: START },
    });
    expect(
      watchDriver(driver({ lastSeenAt: START + MINUTE, jobs: [known] }), watch(START + MINUTE)).progress,
    ).toEqual([]);
    const there = job({ progress: { fromMeters: 10, progressAt: START, place: away(10), movedAt: START } });
    expect(
      watchDriver(
        driver({ place: { point: away(10), receivedAt: START }, jobs: [there] }),
        watch(START + MINUTE),
      ).progress,
    ).toEqual([]);
  });
});

describe('a driver with a next job', () => {
  it('makes no lack of progress to its pickup while the goods of the job before are on board', () => {
    const before = { assignmentId: 'first', deliveryId: 'first', dropoff: away(3_000), pickup: away(1_000) };
    for (const status of ['PICKED_UP', 'AT_DROPOFF', 'RETURNING'] as const) {
      const lastSeenAt = START + 60 * MINUTE;
      const jobs = [job({ ...before, status }), job({ startedAt: START + MINUTE })];
      expect(causes(driver({ jobs, lastSeenAt }), watch(lastSeenAt))).toEqual([]);
    }
  });
});
