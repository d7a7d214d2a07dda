/** The stops that a driver has left, in the best order (docs/behaviour.md#routes). Places are on one street. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planRoute, type RouteJob, type PlannedStop, type RouteModel } from '../../domain/driver/route';
import { onStreet, streetJob, streetMs } from '../support/streetJob';

const MINUTE = 60_000;
const VISIT = 2 * MINUTE;
const NOW = 1_700_000_000_000;
const at = onStreet;
const travelMs = streetMs;
const modelAt = (now: number): RouteModel => ({ now, travelMs, visitMs: VISIT, maxExtraMs: 10 * MINUTE });

const job = (deliveryId: string, from: number, to: number, given: Partial<RouteJob> = {}): RouteJob =>
  streetJob(NOW, deliveryId, [from, to], given);
const onBoard = (deliveryId: string, from: number, to: number, given: Partial<RouteJob> = {}): RouteJob =>
  job(deliveryId, from, to, { status: 'PICKED_UP', pickedUpAt: NOW, ...given });
const plan = (jobs: readonly RouteJob[], place: number | null = 0, capacity = 3, now = NOW): PlannedStop[] =>
  planRoute({ jobs, place: place === null ? null : at(place), capacity }, modelAt(now));
const namesOf = (legs: readonly PlannedStop[]): string[] =>
  legs.map(({ kind, deliveryId }) => `${kind === 'PICKUP' ? '+' : '-'}${deliveryId}`);

/** Up to four jobs in any stage. */
const anyJobs = fc
  .array(
    fc.record({
      from: fc.nat(12),
      to: fc.nat(12),
      status: fc.constantFrom('ASSIGNED', 'AT_PICKUP', 'PICKED_UP', 'AT_DROPOFF', 'RETURNING'),
      readyIn: fc.integer({ min: -10, max: 20 }),
    }),
    { maxLength: 4 },
  )
  .map((jobs) =>
    jobs.map(({ from, to, status, readyIn }, index) =>
      job(`d${index}`, from, to, {
        status,
        readyAt: NOW + readyIn * MINUTE,
        arrivedAt: status === 'AT_PICKUP' ? NOW : null,
        pickedUpAt: status === 'ASSIGNED' || status === 'AT_PICKUP' ? null : NOW - MINUTE,
      }),
    ),
  );

describe('the route of a driver', () => {
  it('has each stop that is left once, pickups before their dropoffs, and begun stops first', () => {
    fc.assert(
      fc.property(anyJobs, fc.nat(12), fc.integer({ min: 1, max: 3 }), (jobs, place, capacity) => {
        const legs = plan(jobs, place, capacity);
        const expected = jobs.flatMap(({ deliveryId, status }) =>
          status === 'ASSIGNED' || status === 'AT_PICKUP'
            ? [`+${deliveryId}`, `-${deliveryId}`]
            : [`-${deliveryId}`],
        );
        expect(namesOf(legs).sort()).toEqual(expected.sort());
        for (const { deliveryId } of jobs) {
          const names = namesOf(legs);
          expect(names.indexOf(`+${deliveryId}`)).toBeLessThan(names.indexOf(`-${deliveryId}`));
        }
        const begun = jobs.filter(({ status }) => status === 'AT_PICKUP' || status === 'AT_DROPOFF').length;
        expect(legs.map(({ isBegun }) => isBegun)).toEqual(legs.map((_, index) => index < begun));
      }),
    );
  });

  it('never has more on board than fits, if it does not begin with more', () => {
    fc.assert(
      fc.property(anyJobs, fc.nat(12), fc.integer({ min: 1, max: 3 }), (jobs, place, capacity) => {
        let load = jobs.filter(({ pickedUpAt }) => pickedUpAt !== null).length;
        let most = Math.max(load, capacity);
        for (const { kind, isBegun } of plan(jobs, place, capacity)) {
          load += kind === 'PICKUP' ? 1 : -1;
          if (isBegun) most = Math.max(most, load);
          expect(load).toBeLessThanOrEqual(most);
        }
      }),
    );
  });

  it('stays as it is while the driver follows it, where nobody waits too long', () => {
    fc.assert(
      fc.property(anyJobs, fc.nat(12), fc.nat(12), (jobs, place, minutes) => {
        const waiting = jobs.filter(({ status }) => status === 'ASSIGNED' || status === 'PICKED_UP');
        const unhurried = { ...modelAt(NOW), maxExtraMs: 1_000 * MINUTE };
        const driver = { jobs: waiting, capacity: 3 };
        const [first, ...rest] = planRoute({ ...driver, place: at(place) }, unhurried);
        if (!first) return;
        const gone = Math.min(minutes * MINUTE, first.arrivesAt - NOW);
        const now = at(place + Math.sign(first.place.lng - place) * (gone / MINUTE));
        const again = planRoute({ ...driver, place: now }, { ...unhurried, now: NOW + gone });
        expect(again.at(-1)?.leavesAt).toBe([first, ...rest].at(-1)?.leavesAt);
        expect(namesOf(again)).toEqual(namesOf([first, ...rest]));
      }),
    );
  });

  it('is the same whenever it is asked for', () => {
    fc.assert(
      fc.property(anyJobs, fc.nat(12), (jobs, place) => expect(plan(jobs, place)).toEqual(plan(jobs, place))),
    );
  });

  it('collects on the way what goes the same way', () => {
    const legs = plan([onBoard('a', 0, 8), job('b', 3, 10)]);
    expect(namesOf(legs)).toEqual(['+b', '-a', '-b']);
    expect(legs.map(({ arrivesAt }) => (arrivesAt - NOW) / MINUTE)).toEqual([3, 10, 14]);
  });

  it('does not turn round with goods on board, where the customer would wait too long', () => {
    const jobs = [onBoard('a', 0, 4), job('b', -10, -12)];
    expect(namesOf(plan(jobs))).toEqual(['-a', '+b', '-b']);
  });

  it('ends what is on board first where one parcel fits', () => {
    expect(namesOf(plan([onBoard('a', 0, 8), job('b', 3, 10)], 0, 1))).toEqual(['-a', '+b', '-b']);
  });

  it('keeps a window that the shortest way would miss', () => {
    const jobs = [job('a', 0, 4), job('b', 0, 6, { windowTo: NOW + 10 * MINUTE })];
    expect(namesOf(plan([job('a', 0, 4), job('b', 0, 6)]))).toEqual(['+a', '+b', '-a', '-b']);
    expect(namesOf(plan(jobs))).toEqual(['+a', '+b', '-b', '-a']);
  });

  it('goes by the meeting point for goods of another driver, and takes a return back to the shop', () => {
    const legs = plan([
      onBoard('a', 20, 9, { meeting: at(2), pickedUpAt: null }),
      onBoard('b', 5, 30, { status: 'RETURNING' }),
    ]);
    expect(legs.map(({ place: { lng } }) => lng)).toEqual([2, 5, 9]);
  });

  it('counts from the first stop where nobody knows where the driver is', () => {
    expect(plan([job('a', 7, 9)], null).map(({ arrivesAt }) => arrivesAt - NOW)).toEqual([0, 4 * MINUTE]);
  });

  it('has a place for every job of a driver with very many', () => {
    const jobs = Array.from({ length: 10 }, (_, index) => job(`d${index}`, index, index + 3));
    expect(new Set(namesOf(plan(jobs, 0, 4))).size).toBe(20);
  });
});
