/** One more delivery beside the work of a driver (docs/behaviour.md#routes). Places are on one street. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planRoute, type RouteJob, type RouteModel, type WorkingDriver } from '../../../domain/driver/route';
import { stopAt } from '../../../domain/geo/places';
import { fitIntoRoute, openRoute } from '../../../domain/matching/routeFit';
import { onStreet, streetJob, streetMs } from '../../support/streetJob';

const MINUTE = 60_000;
const VISIT = 2 * MINUTE;
const NOW = 1_700_000_000_000;
const at = onStreet;
const travelMs = streetMs;
const model = (maxExtraMinutes = 10): RouteModel => ({
  now: NOW,
  travelMs,
  visitMs: VISIT,
  maxExtraMs: maxExtraMinutes * MINUTE,
});
const job = (deliveryId: string, from: number, to: number, given: Partial<RouteJob> = {}): RouteJob =>
  streetJob(NOW, deliveryId, [from, to], given);
const onBoard = (deliveryId: string, from: number, to: number): RouteJob =>
  job(deliveryId, from, to, { status: 'PICKED_UP', pickedUpAt: NOW });
const more = (from: number, to: number, readyIn = 0) => ({
  deliveryId: 'new',
  pickup: stopAt(at(from)),
  dropoff: stopAt(at(to)),
  readyAt: NOW + readyIn * MINUTE,
  windowTo: null,
});
const driver = (jobs: readonly RouteJob[], place = 0, capacity = 2): WorkingDriver => ({
  jobs,
  capacity,
  place: at(place),
});
/** By how much each customer is over what they are promised, in a route. */
const lateOf = (who: WorkingDriver, limits: RouteModel): Record<string, number> =>
  Object.fromEntries(
    planRoute(who, limits).flatMap((stop) =>
      stop.kind === 'DROPOFF' ? [[stop.deliveryId, stop.doneAt - stop.promisedAt]] : [],
    ),
  );

const anyJobs = fc
  .array(fc.record({ from: fc.nat(12), to: fc.nat(12), isOnBoard: fc.boolean() }), { maxLength: 3 })
  .map((jobs) =>
    jobs.map(({ from, to, isOnBoard }, index) => (isOnBoard ? onBoard : job)(`d${index}`, from, to)),
  );

describe('a delivery beside other work', () => {
  it('that fits makes no customer later than the limit, who was not later before', () => {
    fc.assert(
      fc.property(
        anyJobs,
        fc.record({ from: fc.nat(12), to: fc.nat(12), readyIn: fc.nat(15) }),
        fc.record({ place: fc.nat(12), capacity: fc.integer({ min: 1, max: 3 }), minutes: fc.nat(15) }),
        (jobs, { from, to, readyIn }, { place, capacity, minutes }) => {
          const limits = model(minutes);
          const before = lateOf(driver(jobs, place, capacity), limits);
          const fit = fitIntoRoute(driver(jobs, place, capacity), more(from, to, readyIn), limits);
          if (typeof fit === 'string') return;
          const added = job('new', from, to, { readyAt: NOW + readyIn * MINUTE });
          const after = lateOf(driver([...jobs, added], place, capacity), limits);
          const worst = Math.max(...Object.values(before), limits.maxExtraMs);
          for (const late of Object.values(after)) expect(late).toBeLessThanOrEqual(worst);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('on the way is collected before the door', () => {
    expect(fitIntoRoute(driver([onBoard('a', 0, 8)]), more(3, 10), model())).toEqual({
      toPickupMs: 3 * MINUTE,
      stopsBefore: 0,
    });
  });

  it('the other way is too late for the goods on board, and too late after them', () => {
    expect(fitIntoRoute(driver([onBoard('a', 0, 8)]), more(-8, -9), model())).toBe('TOO_LATE');
  });

  it('comes after the door where nothing else fits on board', () => {
    const fit = fitIntoRoute(driver([onBoard('a', 0, 3)], 0, 1), more(4, 6), model());
    expect(fit).toEqual({ toPickupMs: 6 * MINUTE, stopsBefore: 1 });
  });

  it('waits until the driver is done where they have arrived', () => {
    const arrived = driver([
      job('a', 0, 8, { status: 'AT_PICKUP', arrivedAt: NOW, readyAt: NOW + 2 * MINUTE }),
    ]);
    expect(openRoute(arrived, model())).toMatchObject({ begun: 1, place: at(0), freeAt: NOW + 3 * MINUTE });
    expect(fitIntoRoute(arrived, more(1, 9), model())).toEqual({ toPickupMs: 4 * MINUTE, stopsBefore: 1 });
  });
});
