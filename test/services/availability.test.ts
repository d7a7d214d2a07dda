import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import type { AskedAvailability } from '../../services/availability';
import { createDriverWorld, CITY, type DriverWorld, MINUTE, START } from '../support/driverWorld';

const CORRELATION = 'corr-1';

let world: DriverWorld;
beforeAll(async () => {
  world = await createDriverWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  world.time.now = START;
  world.switches.availabilityStates = true;
  await world.takeMessages();
});
afterEach(() => world.redis.flush());

const ask = (driverId: string, asked: AskedAvailability) =>
  world.availability.request(driverId, asked, { kind: 'driver', id: driverId }, CORRELATION);
const BREAK = { kind: 'breakStart', minutes: 15, reason: 'lunch' } as const;
const entriesOf = (driverId: string) =>
  world.db.auditEntry.findMany({ where: { driverId }, orderBy: { id: 'asc' } });

/** A driver with a delivery in hand, before or after pickup. */
async function carrier(
  pickedUp: boolean,
): Promise<{ driverId: string; deliveryId: string; assignmentId: string }> {
  const driverId = await world.addDriver({ availability: 'BUSY' });
  const deliveryId = await world.addDelivery({ status: pickedUp ? 'PICKED_UP' : 'ASSIGNED', driverId });
  const assignmentId = newId();
  await world.db.assignment.create({
    data: {
      id: assignmentId,
      deliveryId,
      driverId,
      way: 'OFFER',
      payCents: 700,
      startedAt: new Date(START),
      pickedUpAt: pickedUp ? new Date(START) : null,
    },
  });
  if (pickedUp)
    await world.db.delivery.update({ where: { id: deliveryId }, data: { pickedUpAt: new Date(START) } });
  await world.db.driver.update({ where: { id: driverId }, data: { activeAssignments: 1 } });
  return { driverId, deliveryId, assignmentId };
}

/** An AVAILABLE driver who is asked for a delivery. */
async function offered(): Promise<{ driverId: string; deliveryId: string; offerId: string }> {
  const driverId = await world.addDriver();
  const deliveryId = await world.addDelivery({ status: 'OFFERED' });
  const offerId = newId();
  await world.db.offer.create({
    data: {
      id: offerId,
      deliveryId,
      driverId,
      round: 0,
      payCents: 700,
      payload: {},
      choice: {},
      createdAt: new Date(START),
      expiresAt: new Date(START + 30_000),
    },
  });
  await world.db.driver.update({ where: { id: driverId }, data: { liveOffers: 1 } });
  return { driverId, deliveryId, offerId };
}

describe('a request of a free driver', () => {
  test('starts a shift: row, audit, messages and map entry in one transaction', async () => {
    const driverId = await world.addDriver({ availability: 'OFFLINE' });
    const relayCalls = world.relayCalls.count;
    const answer = await ask(driverId, { kind: 'shiftStart', shiftEndsAt: null });
    expect(answer).toMatchObject({
      outcome: 'done',
      changed: true,
      state: { availability: 'AVAILABLE', until: null },
    });
    expect(await world.row(driverId)).toMatchObject({
      availability: 'AVAILABLE',
      availabilityVersion: 1n,
      idleSince: new Date(START),
    });
    const [entry, ...others] = await entriesOf(driverId);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      kind: 'availability_changed',
      chain: `driver/${driverId}`,
      fromState: 'OFFLINE',
      toState: 'AVAILABLE',
      why: 'SHIFT_STARTED',
      actorKind: 'driver',
      actorId: driverId,
      correlationId: CORRELATION,
      cityId: CITY,
      at: new Date(START),
      prevHash: null,
    });
    expect((await world.row(driverId)).auditHash).toEqual(entry?.hash);
    expect(await world.takeMessages()).toEqual([
      {
        kind: 'emit',
        emits: [
          {
            rooms: [`driver:${driverId}`, `ops:${CITY}`],
            event: 'AVAILABILITY_CHANGED',
            body: {
              driverId,
              availability: 'AVAILABLE',
              until: null,
              reason: 'SHIFT_STARTED',
              at: new Date(START).toISOString(),
            },
          },
        ],
      },
      { kind: 'syncDriver', driverId },
      { kind: 'driverFree', driverId, passed: [] },
    ]);
    expect(world.relayCalls.count).toBe(relayCalls + 1);
  });

  test('chains the entries of one driver by hash', async () => {
    const driverId = await world.addDriver();
    await ask(driverId, BREAK);
    await ask(driverId, { kind: 'breakEnd' });
    const [first, second] = await entriesOf(driverId);
    expect(second?.prevHash).toEqual(first?.hash);
    expect((await world.row(driverId)).auditHash).toEqual(second?.hash);
  });

  test('starts a break, with a timer that ends it', async () => {
    const driverId = await world.addDriver();
    const until = START + 15 * MINUTE;
    expect(await ask(driverId, BREAK)).toMatchObject({
      state: { availability: 'ON_BREAK', until, reason: 'lunch' },
    });
    expect(await world.row(driverId)).toMatchObject({
      availability: 'ON_BREAK',
      availabilityUntil: new Date(until),
      availabilityReason: 'lunch',
      idleSince: null,
    });
    expect((await world.takeMessages()).slice(1)).toEqual([
      { kind: 'syncDriver', driverId },
      { kind: 'endAvailabilityLater', driverId, state: 'ON_BREAK', until },
    ]);
  });

  test('changes and reports nothing when repeated', async () => {
    const driverId = await world.addDriver();
    await ask(driverId, BREAK);
    await world.takeMessages();
    world.time.now += MINUTE;
    expect(await ask(driverId, BREAK)).toMatchObject({
      outcome: 'done',
      changed: false,
      state: { availability: 'ON_BREAK', until: START + 15 * MINUTE },
    });
    expect(await world.takeMessages()).toEqual([]);
    expect((await world.row(driverId)).availabilityVersion).toBe(1n);
  });

  test('is refused as a value and writes nothing', async () => {
    const driverId = await world.addDriver();
    expect(await ask(driverId, { kind: 'breakStart', minutes: 4, reason: null })).toMatchObject({
      outcome: 'refused',
      code: 'INVALID_DURATION',
    });
    expect(await entriesOf(driverId)).toEqual([]);
    expect(await world.takeMessages()).toEqual([]);
  });

  test('is refused if the feature is off for this driver', async () => {
    const driverId = await world.addDriver();
    world.switches.availabilityStates = false;
    expect(await ask(driverId, BREAK)).toMatchObject({ outcome: 'refused', code: 'FEATURE_OFF' });
    expect(await ask(driverId, { kind: 'shiftEnd' })).toMatchObject({
      outcome: 'done',
      state: { availability: 'OFFLINE' },
    });
  });

  test('of an unknown driver is not found', async () => {
    expect(await ask(newId(), BREAK)).toEqual({ outcome: 'notFound' });
    expect(await world.availability.read(newId())).toBeNull();
  });

  test('can be read back', async () => {
    const driverId = await world.addDriver();
    await ask(driverId, BREAK);
    expect(await world.availability.read(driverId)).toEqual({
      driverId,
      cityId: CITY,
      availability: 'ON_BREAK',
      until: START + 15 * MINUTE,
      reason: 'lunch',
      pending: null,
      shiftEndsAt: null,
    });
  });
});

describe('a driver who leaves with a live offer', () => {
  test.each([
    BREAK,
    { kind: 'pause', minutes: null, reason: null },
    { kind: 'shiftEnd' },
    { kind: 'set', availability: 'OFFLINE' },
  ] as const)('by %j has the offer taken back', async (asked) => {
    const { driverId, deliveryId, offerId } = await offered();
    await ask(driverId, asked);
    const messages = await world.takeMessages();
    expect(messages).toContainEqual(
      expect.objectContaining({ kind: 'driverLeft', deliveryId, driverId, offerId }),
    );
    expect(messages.filter(({ kind }) => kind === 'driverFree')).toEqual([]);
  });
});

describe('a driver with work', () => {
  test('keeps the work before pickup when requesting a break, which is postponed', async () => {
    const { driverId } = await carrier(false);
    expect(await ask(driverId, BREAK)).toMatchObject({
      outcome: 'done',
      changed: true,
      state: { availability: 'BUSY', pending: { kind: 'BREAK', minutes: 15, reason: 'lunch' } },
    });
    expect((await world.row(driverId)).pending).toEqual({ kind: 'BREAK', minutes: 15, reason: 'lunch' });
    expect((await world.takeMessages()).map(({ kind }) => kind)).toEqual(['emit', 'syncDriver']);
    expect(await ask(driverId, { kind: 'breakEnd' })).toMatchObject({
      changed: true,
      state: { pending: null },
    });
    expect((await world.row(driverId)).pending).toBeNull();
  });

  test.each([{ kind: 'shiftEnd' }, { kind: 'set', availability: 'OFFLINE' }] as const)(
    'loses the work before pickup by %j',
    async (asked) => {
      const { driverId, deliveryId, assignmentId } = await carrier(false);
      const answer = await ask(driverId, asked);
      expect(answer).toMatchObject({ outcome: 'done', changed: true });
      expect(await world.takeMessages()).toContainEqual(
        expect.objectContaining({ kind: 'driverLeft', deliveryId, driverId, assignmentId }),
      );
    },
  );

  test('ends the shift after the work if the goods are picked up', async () => {
    const { driverId } = await carrier(true);
    expect(await ask(driverId, { kind: 'shiftEnd' })).toMatchObject({
      state: { availability: 'BUSY', pending: { kind: 'SHIFT_END' } },
    });
    expect((await world.takeMessages()).filter(({ kind }) => kind === 'driverLeft')).toEqual([]);
  });
});

describe('a driver who can no longer work', () => {
  test('releases offers and jobs before pickup; the job with goods stays until they are returned', async () => {
    const { driverId, deliveryId, assignmentId } = await carrier(false);
    const setPending = (availability: string, pending: object | null) =>
      world.db.$executeRaw`
        UPDATE drivers SET availability = ${availability},
          pending = ${pending === null ? null : JSON.stringify(pending)}::jsonb
        WHERE id = ${driverId}::uuid`;
    await setPending('BUSY', { kind: 'OFFLINE' });
    await world.availability.releaseDriver(driverId, CORRELATION);
    expect(await world.takeMessages()).toEqual([
      { kind: 'driverLeft', deliveryId, driverId, assignmentId, why: 'WENT_OFFLINE' },
    ]);
    await world.db.delivery.update({ where: { id: deliveryId }, data: { pickedUpAt: new Date(START) } });
    await world.availability.releaseDriver(driverId, CORRELATION);
    await world.db.delivery.update({ where: { id: deliveryId }, data: { pickedUpAt: null } });
    await setPending('BUSY', null); // came back
    await world.availability.releaseDriver(driverId, CORRELATION);
    expect(await world.takeMessages()).toEqual([]);
  });
});

describe('the end of a timed state', () => {
  const end = (driverId: string, until: number, state: 'ON_BREAK' | 'PAUSED' = 'ON_BREAK') =>
    world.availability.endTimedState({ driverId, state, until, correlationId: CORRELATION });
  const until = START + 15 * MINUTE;

  /** The service has been listening for long, and the break is over. */
  async function afterBreak(heardAgoMs: number | null): Promise<string> {
    const driverId = await world.addDriver();
    await ask(driverId, BREAK);
    await world.map.reportIngestUp(START);
    world.time.now = until - (heardAgoMs ?? 0);
    if (heardAgoMs !== null) await world.ping(driverId);
    world.time.now = until;
    await world.takeMessages();
    return driverId;
  }

  test('returns a recently active driver to AVAILABLE, even without a position in PostgreSQL', async () => {
    const driverId = await afterBreak(50_000);
    expect(await end(driverId, until)).toBeNull();
    expect(await world.row(driverId)).toMatchObject({
      availability: 'AVAILABLE',
      availabilityUntil: null,
      availabilityReason: null,
    });
    expect((await world.takeMessages()).map(({ kind }) => kind)).toEqual([
      'emit',
      'syncDriver',
      'driverFree',
    ]);
    expect((await entriesOf(driverId)).at(-1)).toMatchObject({
      actorKind: 'system',
      actorId: 'timed-availability',
      why: 'TIME_UP',
    });
  });

  test.each([61_000, null])('sets a silent driver OFFLINE (last contact %p ms ago)', async (heardAgoMs) => {
    const driverId = await afterBreak(heardAgoMs);
    await end(driverId, until);
    expect(await world.row(driverId)).toMatchObject({ availability: 'OFFLINE' });
  });

  test('marks no driver silent while ingest is down', async () => {
    const driverId = await afterBreak(null);
    await world.redis.flush();
    await end(driverId, until);
    expect(await world.row(driverId)).toMatchObject({ availability: 'AVAILABLE' });
  });

  test('ignores an end that differs from the row, and returns the one in the row', async () => {
    const driverId = await afterBreak(1_000);
    expect(await end(driverId, until - 1)).toEqual({ state: 'ON_BREAK', until });
    expect(await end(driverId, until, 'PAUSED')).toEqual({ state: 'ON_BREAK', until });
    expect(await world.row(driverId)).toMatchObject({ availability: 'ON_BREAK' });
    expect(await world.takeMessages()).toEqual([]);
  });

  test('does nothing for an unknown driver, a repeat, or no timed state', async () => {
    const driverId = await afterBreak(1_000);
    expect(await end(newId(), until)).toBeNull();
    expect(
      await world.availability.endTimedState({ driverId, state: 'BUSY', until, correlationId: CORRELATION }),
    ).toBeNull();
    await end(driverId, until);
    const { availabilityVersion } = await world.row(driverId);
    await end(driverId, until);
    expect((await world.row(driverId)).availabilityVersion).toBe(availabilityVersion);
  });
});

describe('concurrent requests', () => {
  test('leave one row, one unforked audit chain and versions without gaps', async () => {
    const driverId = await world.addDriver();
    const wishes: AskedAvailability[] = [
      BREAK,
      { kind: 'breakEnd' },
      { kind: 'pause', minutes: 10, reason: null },
      { kind: 'resume' },
      { kind: 'shiftEnd' },
      { kind: 'shiftStart', shiftEndsAt: null },
    ];
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => ask(driverId, wishes[i % wishes.length] ?? BREAK)),
    );
    const changes = answers.filter((answer) => answer.outcome === 'done' && answer.changed).length;
    const row = await world.row(driverId);
    const entries = await entriesOf(driverId);
    expect(row.availabilityVersion).toBe(BigInt(changes));
    expect(entries).toHaveLength(changes);
    const heads = new Set(
      entries.map(({ prevHash }) => (prevHash === null ? 'none' : Buffer.from(prevHash).toString('hex'))),
    );
    expect(heads.size).toBe(changes);
  });
});
