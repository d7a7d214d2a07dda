/**
 * The audit trail (docs/behaviour.md#audit-trail): what is stored can be proven, by itself, by whoever can
 * read it; and the service cannot unwrite it.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Client } from 'pg';
import { v7 as newId } from 'uuid';
import { chainEntries, writeEntries } from '../../adapters/postgres/audit';
import { createDriverRegistry } from '../../adapters/postgres/driverRegistry';
import { createOrderStore } from '../../adapters/postgres/orderStore';
import { createAvailability } from '../../services/availability';
import type { IncomingEvent } from '../../domain/delivery/events';
import { createOrders } from '../../services/orders';
import { createRegistration } from '../../services/registration';
import { canMove, type DeliveryStatus } from '../../domain/delivery/status';
import { TRAVEL_MODEL } from '../../domain/geo/places';
import { ORDER_LIMITS } from '../../domain/orders/orderLimits';
import type { Entry } from '../../domain/delivery/deliveryState';
import { connectForger } from '../support/database';
import { auditProblems, readChains } from '../support/auditTrail';
import { CITY, createDispatchWorld, type DispatchWorld, MERCHANT, PICKUP } from '../support/dispatchWorld';
import { brokenInvariants } from '../support/invariants';

const OPS = { kind: 'ops', id: 'olga' } as const;
const TO_THE_DOOR = ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const;
const DEVICE_AT = 1_700_000_000_123;

let world: DispatchWorld;
let owner: Client;
beforeAll(async () => {
  world = await createDispatchWorld();
  owner = await connectForger(world);
});
afterAll(async () => {
  await owner.end();
  await world.close();
});

const tell = (deliveryId: string, event: IncomingEvent) =>
  world.activities[event.kind]({
    deliveryId,
    correlationId: 'the-one-of-the-request',
    at: Date.now(),
    event,
  });

/**
 * A life that writes entries in each way there is: order, registration, shift, offer, rejection, loss,
 * assignment by hand, steps, break.
 */
async function life(): Promise<{ deliveryId: string; drivers: [string, string] }> {
  const {
    db,
    map,
    deps: { features, limits, notifyRelay },
  } = world;
  const clock = Date.now;
  const cityId = await world.addCity();
  const availability = createAvailability({
    db,
    map,
    features,
    clock,
    limits: limits.availability,
    notifyRelay,
  });
  const registration = createRegistration(createDriverRegistry(db));
  const drivers: [string, string] = [newId(), newId()];
  for (const driverId of drivers) {
    const by = { kind: 'driver', id: driverId } as const;
    await registration.register(
      { driverId, cityId, name: 'Sam', phone: null, vehicleKind: 'CAR', offerVersion: 2, capacity: 1 },
      OPS,
      newId(),
      clock(),
    );
    await availability.request(driverId, { kind: 'shiftStart', shiftEndsAt: null }, by, newId());
    await map.sync(
      {
        driverId,
        cityId,
        availability: 'AVAILABLE',
        hasRoom: true,
        version: 100,
        lastFix: { point: PICKUP, at: clock(), receivedAt: clock() },
      },
      clock(),
    );
  }
  const place = { address: 'Prinsengracht 1 ≠ “2”', contactName: 'Zoë', contactPhone: null, notes: 'Ω 😀' };
  const order = {
    merchantId: MERCHANT,
    sellerOrderId: newId(),
    cityId,
    pickup: { ...place, point: PICKUP },
    dropoff: { ...place, point: { lat: 52.38, lng: 4.91 } },
    readyAt: null,
    windowFrom: null,
    windowTo: null,
    parcelSize: 'SMALL',
    feeCents: 500,
    payCents: null,
    currency: null,
    by: { kind: 'merchant', id: MERCHANT },
  } as const;
  const taken = await createOrders({
    store: createOrderStore(db),
    newId,
    searchLeadMs: 0,
    limits: ORDER_LIMITS,
    timeScale: 1,
    travel: TRAVEL_MODEL,
    notifyRelay,
  }).takeOrder(order, { fingerprint: '2:hash', requestHash: 'hash', fields: [] }, newId(), clock());
  if (!('taken' in taken)) throw new Error(taken.detail);
  const { deliveryId } = taken;
  const {
    known: {
      offers: [offer],
    },
  } = await tell(deliveryId, { kind: 'lookForDriver', freed: null });
  if (!offer) throw new Error('nobody was asked');
  await tell(deliveryId, {
    kind: 'rejectOffer',
    offerId: offer.offerId,
    driverId: offer.driverId,
    reason: 'TOO_FAR',
  });
  const { answer } = await tell(deliveryId, {
    kind: 'assignDriver',
    driverId: offer.driverId,
    by: OPS,
    override: false,
    why: 'they changed their mind: “ja”, naïve 😀',
  });
  if (!('assignmentId' in answer)) throw new Error('not assigned');
  await tell(deliveryId, {
    kind: 'releaseDriver',
    driverId: offer.driverId,
    offerId: null,
    assignmentId: answer.assignmentId,
    why: 'breakdown',
  });
  const other = drivers.find((driverId) => driverId !== offer.driverId) ?? '';
  await tell(deliveryId, {
    kind: 'assignDriver',
    driverId: other,
    by: OPS,
    override: false,
    why: 'next door',
  });
  const by = { kind: 'driver', id: other } as const;
  await availability.request(other, { kind: 'breakStart', minutes: 15, reason: 'lunch' }, by, newId());
  for (const step of TO_THE_DOOR) await tell(deliveryId, { kind: 'takeStep', step, by, deviceAt: DEVICE_AT });
  await availability.request(other, { kind: 'breakEnd' }, by, newId());
  return { deliveryId, drivers };
}

describe('the audit trail of a complete delivery', () => {
  test('is valid: each hash matches its entry, each link its predecessor, each head its row', async () => {
    const { deliveryId, drivers } = await life();
    const chains = await readChains(world.db);
    expect(await auditProblems(world.db)).toEqual([]);
    const lengths = [`delivery/${deliveryId}`, ...drivers.map((id) => `driver/${id}`)].map(
      (name) => chains.find(({ chain }) => chain === name)?.entries.length ?? 0,
    );
    expect(lengths.every((length) => length >= 4)).toBe(true);
  });

  test('contains each state change exactly once, as legal moves from first to last', async () => {
    const { deliveryId } = await life();
    const entries =
      (await readChains(world.db)).find(({ chain }) => chain === `delivery/${deliveryId}`)?.entries ?? [];
    const moves = entries
      .filter(({ kind }) => kind === 'delivery_created' || kind === 'delivery_moved')
      .map(({ from, to }) => [from, to]);
    expect(moves.map(([, to]) => to)).toEqual([
      'PENDING',
      'SEARCHING',
      'OFFERED',
      'SEARCHING',
      'ASSIGNED',
      'SEARCHING',
      'ASSIGNED',
      'AT_PICKUP',
      'PICKED_UP',
      'AT_DROPOFF',
      'DELIVERED',
    ]);
    moves.slice(1).forEach(([from, to], index) => {
      expect(from).toBe(moves[index]?.[1]);
      expect(canMove(from as DeliveryStatus, to as DeliveryStatus)).toBe(true);
    });
    expect(await brokenInvariants(world.db)).toEqual([]);
  });

  test('records actor, correlation id and device time', async () => {
    const { deliveryId, drivers } = await life();
    const entries =
      (await readChains(world.db)).find(({ chain }) => chain === `delivery/${deliveryId}`)?.entries ?? [];
    expect(entries.find(({ why }) => why === 'breakdown')).toBeUndefined();
    expect(entries.find(({ to }) => to === 'DELIVERED')).toMatchObject({
      actor: { kind: 'driver', id: expect.any(String) },
      deviceAt: DEVICE_AT,
      correlationId: 'the-one-of-the-request',
      merchantId: MERCHANT,
    });
    expect(entries.find(({ why }) => why?.startsWith('they changed'))).toMatchObject({
      actor: OPS,
      to: 'ASSIGNED',
      deviceAt: null,
    });
    expect(entries.find(({ why }) => why === 'driver lost: breakdown')).toMatchObject({
      actor: { kind: 'system', id: 'driver-left' },
      from: 'ASSIGNED',
      to: 'SEARCHING',
    });
    expect(entries.every(({ driverId }) => driverId === null || drivers.includes(driverId))).toBe(true);
  });
});

describe('a tampered audit trail', () => {
  const DEEDS: Readonly<Record<string, string>> = {
    'another reason': `UPDATE audit_entries SET why = 'nothing happened' WHERE id = $1`,
    'another actor': `UPDATE audit_entries SET actor_id = 'somebody' WHERE id = $1`,
    'another time': `UPDATE audit_entries SET at = at + interval '1 millisecond' WHERE id = $1`,
    'another time of the device': `UPDATE audit_entries SET device_at = now() WHERE id = $1`,
    'another detail': `UPDATE audit_entries SET detail = '{"payCents": 1}' WHERE id = $1`,
    'another driver': `UPDATE audit_entries SET driver_id = gen_random_uuid() WHERE id = $1`,
    'an entry less': `DELETE FROM audit_entries WHERE id = $1`,
    'an entry more': `INSERT INTO audit_entries
      SELECT (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid()))).* FROM audit_entries e
      WHERE id = $1`,
  };

  test.each(Object.entries(DEEDS))('is detected: %s', async (_name, deed) => {
    const { deliveryId } = await life();
    const chain = `delivery/${deliveryId}`;
    const { entries } = (await readChains(world.db)).find((each) => each.chain === chain) ?? { entries: [] };
    await owner.query('BEGIN');
    await owner.query(deed, [entries[Math.floor(entries.length / 2)]?.id]);
    await owner.query('COMMIT');
    expect((await auditProblems(world.db)).filter((problem) => problem.startsWith(chain))).not.toEqual([]);
    await owner.query('DELETE FROM audit_entries WHERE chain = $1', [chain]);
    await owner.query('UPDATE deliveries SET audit_hash = NULL WHERE id = $1', [deliveryId]);
  });

  test('is detected where its end was cut off', async () => {
    const { deliveryId } = await life();
    const chain = `delivery/${deliveryId}`;
    await owner.query('DELETE FROM audit_entries WHERE chain = $1 AND to_state = $2', [chain, 'DELIVERED']);
    expect(await auditProblems(world.db)).toEqual([`${chain} does not end where its row says`]);
    await owner.query('DELETE FROM audit_entries WHERE chain = $1', [chain]);
    await owner.query('UPDATE deliveries SET audit_hash = NULL WHERE id = $1', [deliveryId]);
  });
});

describe('the service’s login', () => {
  test.each([
    ['change', `UPDATE audit_entries SET why = 'nothing'`],
    ['remove', 'DELETE FROM audit_entries'],
    ['empty', 'TRUNCATE audit_entries'],
    ['drop', 'DROP TABLE audit_entries'],
    ['alter', 'ALTER TABLE audit_entries ADD COLUMN excuse text'],
    ['detach a partition of', 'ALTER TABLE audit_entries DETACH PARTITION audit_entries_default'],
    ['update a partition of', `UPDATE audit_entries_default SET why = 'nothing'`],
    ['delete from a partition of', 'DELETE FROM audit_entries_default'],
    [
      'insert directly into a partition of',
      `INSERT INTO audit_entries_default SELECT * FROM audit_entries LIMIT 1`,
    ],
  ])('cannot %s the trail', async (_deed, statement) => {
    await expect(world.db.$executeRawUnsafe(statement)).rejects.toThrow(/permission denied|must be owner/);
  });

  test('cannot change the monthly partitions either', async () => {
    const parts = await world.db.$queryRaw<
      { name: string }[]
    >`SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass`;
    expect(parts.length).toBeGreaterThanOrEqual(4);
    for (const { name } of parts) {
      for (const deed of [
        `UPDATE ${name} SET why = 'nothing'`,
        `DELETE FROM ${name}`,
        `TRUNCATE ${name}`,
        `SELECT * FROM ${name} FOR UPDATE`,
      ]) {
        await expect(world.db.$executeRawUnsafe(deed)).rejects.toThrow(/permission denied/);
      }
    }
  });
});

describe('an audit record', () => {
  const subject = {
    cityId: CITY,
    deliveryId: newId(),
    merchantId: MERCHANT,
    sellerOrderId: 'order',
    deliveryHash: null,
    driverHashes: {},
  };
  const entry: Entry = {
    kind: 'test',
    chain: 'delivery',
    driverId: null,
    actor: OPS,
    from: null,
    to: 'PENDING',
    why: 'tab\tline\nquote" \\ é 😀 \u2028',
    deviceAt: DEVICE_AT,
    detail: {
      zeta: 1,
      alpha: [1.5, 1e21, 1e-7, 0.1 + 0.2, -0, 12345678901234567000],
      nested: { b: null, a: true, ключ: 'значение' },
      '': '',
      10: 'ten',
      9: 'nine',
      undefinedOne: undefined,
    },
  };

  test('survives jsonb unchanged, whatever its numbers, keys and characters', async () => {
    await world.db.$transaction((tx) =>
      writeEntries(tx, subject, [entry, { ...entry, detail: null }], DEVICE_AT + 1, 'correlation'),
    );
    const chain = (await readChains(world.db)).find(
      (each) => each.chain === `delivery/${subject.deliveryId}`,
    );
    expect(chain).toMatchObject({
      problems: [],
      entries: [
        expect.objectContaining({ why: entry.why, deviceAt: DEVICE_AT, at: DEVICE_AT + 1 }),
        expect.objectContaining({ detail: null }),
      ],
    });
  });

  test('is refused where it belongs to a driver’s chain but names no driver', () => {
    expect(() => chainEntries(subject, [{ ...entry, chain: 'driver' }], 0, 'correlation')).toThrow(
      'names no driver',
    );
  });
});
