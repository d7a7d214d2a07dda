/** Erasure of people, on request and by age: what is gone, what stays, and that the trail still proves itself. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createAuditChains } from '../../adapters/postgres/auditChains';
import { createAuditCheck } from '../../activities/sweeps/auditCheck';
import { createErasureSweep } from '../../activities/sweeps/erasures';
import type { AuditProblem } from '../../domain/audit/auditChain';
import type { IncomingEvent } from '../../domain/delivery/events';
import { createErasures, type Erasure, type Erasures } from '../../services/erasures';
import { createSupportCases } from '../../services/supportCases';
import { connectForger } from '../support/database';
import { createDispatchWorld, type DispatchWorld } from '../support/dispatchWorld';

const DAY = 86_400_000;
const OPS = { kind: 'ops', id: 'olga' } as const;
const WORDS = ['Smith', '201234567', 'Prinsengracht', 'ring twice', 'her dog', 'call her', '52.3702'];

let world: DispatchWorld;
let erasures: Erasures;
const time = { aheadMs: 0 };
const clock = (): number => Date.now() + time.aheadMs;
beforeAll(async () => {
  world = await createDispatchWorld();
  erasures = createErasures({ db: world.db, map: world.map, clock, newId });
});
afterAll(() => world.close());

const tell = (deliveryId: string, event: IncomingEvent) =>
  world.activities[event.kind]({ deliveryId, correlationId: 'test', at: Date.now(), event });

type Customer = { name?: string | null; phone?: string | null; e164?: string | null };

/** A delivery of a customer, on which ops acted: an offer, an assignment by hand, a case with a note. */
async function deliveryOf(
  customer: Customer = {},
  cityId?: string,
): Promise<{ deliveryId: string; driverId: string }> {
  const city = cityId ?? (await world.addCity());
  const { name = 'Mrs Smith', phone = '020-1234567', e164 = null } = customer;
  const driverId = await world.addDriver({ cityId: city });
  const { deliveryId } = await world.addDelivery({ cityId: city });
  await world.db.stop.updateMany({
    where: { deliveryId },
    data: {
      address: 'Prinsengracht 1',
      lat: 52.3702,
      contactName: name,
      contactPhone: phone,
      contactPhoneE164: e164,
      notes: 'ring twice',
    },
  });
  await tell(deliveryId, { kind: 'lookForDriver', freed: null });
  await tell(deliveryId, {
    kind: 'assignDriver',
    driverId,
    by: OPS,
    override: false,
    why: 'Mrs Smith knows her dog',
  });
  return { deliveryId, driverId };
}

async function ended(deliveryId: string, driverId: string): Promise<void> {
  const by = { kind: 'driver', id: driverId } as const;
  for (const step of ['arriveAtPickup', 'pickUp', 'arriveAtDropoff', 'deliver'] as const)
    await tell(deliveryId, { kind: 'takeStep', step, by, deviceAt: null });
}

/** Everything that the database says of deliveries, as text. */
async function saidOf(...deliveryIds: string[]): Promise<string> {
  const where = { deliveryId: { in: deliveryIds } };
  const { db } = world;
  const rows = await Promise.all([
    db.delivery.findMany({ where: { id: { in: deliveryIds } } }),
    db.stop.findMany({ where }),
    db.offer.findMany({ where }),
    db.assignment.findMany({ where }),
    db.escalation.findMany({ where }),
    db.meetingPoint.findMany({ where }),
    db.orderChange.findMany({ where }),
    db.auditEntry.findMany({ where }),
  ]);
  return JSON.stringify(rows, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

async function problemsNow(): Promise<AuditProblem[]> {
  const problems: AuditProblem[] = [];
  await createAuditCheck({
    chains: createAuditChains(world.db),
    clock: Date.now,
    beat: () => {},
    resumeFrom: () => undefined,
    onReport: ({ named }) => void problems.push(...named),
  })();
  return problems;
}

async function begin(
  request: Parameters<Erasures['begin']>[0],
  cities: readonly string[] | null = null,
): Promise<Erasure> {
  const answer = await erasures.begin(request, { actor: OPS, cities, correlationId: 'erase' });
  if (answer.outcome !== 'begun') throw new Error(answer.code);
  return answer.erasure;
}

async function untilNothingIsLeft(): Promise<void> {
  for (let tries = 0; tries < 50; tries += 1) if ((await erasures.advance()) === 0) return;
  throw new Error('erasures do not come to an end');
}

const read = async (erasureId: string): Promise<Erasure | null> => erasures.read(erasureId, null);

describe('an erasure of one delivery of a trip', () => {
  test('leaves no stop of it in the offer of the others', async () => {
    world.switches.batchMatching = true;
    const cityId = await world.addCity();
    const add = async (): Promise<string> => {
      const { deliveryId } = await world.addDelivery({ cityId });
      await tell(deliveryId, { kind: 'lookForDriver', freed: null });
      return deliveryId;
    };
    const [lead, along] = [await add(), await add()];
    await world.db.stop.updateMany({
      where: { deliveryId: along },
      data: { address: 'Prinsengracht 1', lat: 52.3702, contactPhone: '020-5550000', notes: 'ring twice' },
    });
    const driverId = await world.addDriver({ cityId, offerVersion: 3, capacity: 2 });
    const proposal = { driverId, roundId: 'round-1', parts: [], along: [along] };
    const { known } = await tell(lead, { kind: 'lookForDriver', freed: null, proposal });
    world.switches.batchMatching = false;
    expect(await saidOf(lead)).toContain('Prinsengracht');
    await tell(lead, { kind: 'acceptOffer', offerId: known.offers[0]?.offerId ?? '', driverId });
    await tell(along, { kind: 'cancelDelivery', by: OPS, reason: 'OPS_CANCELLED' });
    await begin({ kind: 'CUSTOMER', phone: '020-5550000', name: null });
    await untilNothingIsLeft();
    const said = await saidOf(lead, along);
    for (const word of ['Prinsengracht', 'ring twice', '52.3702']) expect(said).not.toContain(word);
    expect(said).toContain('PICKUP street 1');
  });
});

describe('an erasure by phone', () => {
  test('leaves nothing of the customer, and the trail proves itself', async () => {
    const { deliveryId, driverId } = await deliveryOf();
    await ended(deliveryId, driverId);
    await world.db.orderChange.create({
      data: { id: newId(), deliveryId, requestKey: 'k', content: { notes: 'ring twice, Mrs Smith' } },
    });
    for (const word of WORDS.filter((each) => each !== 'call her' && each !== '201234567'))
      expect(await saidOf(deliveryId)).toContain(word);
    const other = await deliveryOf({ name: 'Mr Jones', phone: '020-7654321' });
    await ended(other.deliveryId, other.driverId);

    const erasure = await begin({ kind: 'CUSTOMER', phone: '+31 20 1234567', name: null });
    await untilNothingIsLeft();

    const said = await saidOf(deliveryId);
    for (const word of WORDS) expect(said).not.toContain(word);
    expect(await saidOf(other.deliveryId)).toContain('Mr Jones');
    expect(await read(erasure.erasureId)).toMatchObject({ state: 'DONE', found: 1, open: 0, byId: 'olga' });
    const delivery = await world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } });
    expect(delivery).toMatchObject({ status: 'DELIVERED', driverId, erasedAt: expect.any(Date) });
    expect(await problemsNow()).toEqual([]);
    const trail = await world.db.auditEntry.findMany({ where: { chain: `erasure/${erasure.erasureId}` } });
    expect(trail.map(({ kind, actorId }) => [kind, actorId]).sort()).toEqual([
      ['erasure_done', 'erasure'],
      ['erasure_requested', 'olga'],
    ]);
    const row = await world.db.erasure.findUniqueOrThrow({ where: { id: erasure.erasureId } });
    expect(JSON.stringify([trail, row.subject])).not.toMatch(/Smith|1234567/);
  });

  test('finds numbers in E.164, and erases an open delivery once it ends', async () => {
    const { deliveryId, driverId } = await deliveryOf({ phone: '030 555 66 77', e164: '+31305556677' });
    const { erasureId } = await begin({ kind: 'CUSTOMER', phone: '030-5556677', name: null });
    await untilNothingIsLeft();
    expect(await read(erasureId)).toMatchObject({ state: 'WAITING', found: 1, open: 1, finishedAt: null });
    expect(await saidOf(deliveryId)).toContain('Mrs Smith');
    await ended(deliveryId, driverId);
    await untilNothingIsLeft();
    expect(await read(erasureId)).toMatchObject({ state: 'DONE', found: 1, open: 0 });
    expect(await saidOf(deliveryId)).not.toContain('Mrs Smith');
    expect(await problemsNow()).toEqual([]);
  });

  test('erases only what ops may see', async () => {
    const [cityId, elsewhere] = [await world.addCity(), await world.addCity()];
    const customer = { name: 'Ada', phone: '040-1112223' };
    const [mine, theirs] = [await deliveryOf(customer, cityId), await deliveryOf(customer, elsewhere)];
    for (const each of [mine, theirs]) await ended(each.deliveryId, each.driverId);
    const { erasureId } = await begin({ kind: 'CUSTOMER', phone: '040-1112223', name: null }, [cityId]);
    await untilNothingIsLeft();
    expect(await saidOf(mine.deliveryId)).not.toContain('Ada');
    expect(await saidOf(theirs.deliveryId)).toContain('Ada');
    expect(await erasures.read(erasureId, [elsewhere])).toBeNull();
    expect(await erasures.read(erasureId, [cityId, elsewhere])).toMatchObject({ found: 1 });
  });

  test('and name erases where both match', async () => {
    const [one, two] = [
      await deliveryOf({ name: 'Bo', phone: '050-9998887' }),
      await deliveryOf({ name: 'Cy', phone: '050-9998887' }),
    ];
    for (const each of [one, two]) await ended(each.deliveryId, each.driverId);
    await begin({ kind: 'CUSTOMER', phone: '050-9998887', name: ' BO ' });
    await untilNothingIsLeft();
    expect(await saidOf(one.deliveryId)).not.toContain('"Bo"');
    expect(await saidOf(two.deliveryId)).toContain('"Cy"');
  });
});

describe('an erasure of a driver', () => {
  test('waits until they are off duty, and then leaves nothing that names them', async () => {
    const { deliveryId, driverId } = await deliveryOf({ name: 'Dan', phone: '060-1231231' });
    const request = { kind: 'DRIVER', driverId } as const;
    expect(await erasures.begin(request, { actor: OPS, cities: null, correlationId: 'x' })).toEqual({
      outcome: 'refused',
      code: 'DRIVER_AT_WORK',
    });
    expect(await erasures.begin(request, { actor: OPS, cities: [], correlationId: 'x' })).toMatchObject({
      code: 'NOT_FOUND',
    });
    await ended(deliveryId, driverId);
    const { db } = world;
    await db.driver.update({
      where: { id: driverId },
      data: { availability: 'OFFLINE', name: 'Sam Sample', phone: '+31611111111' },
    });
    await db.pushSubscription.create({
      data: { id: newId(), driverId, endpoint: `https://push/${driverId}`, p256dh: 'p', auth: 'a' },
    });
    const receivedAt = new Date();
    const fix = { driverId, at: receivedAt, receivedAt, lat: 52.1234567, lng: 4 };
    await db.positionFix.createMany({ data: [fix, { ...fix, at: new Date(0) }] });
    await db.rescue.create({
      data: { id: newId(), driverId, key: 'k', byId: 'olga', why: 'Sam is ill', jobs: [] },
    });

    await db.suspension.create({
      data: {
        id: newId(),
        subjectKind: 'driver',
        subjectId: driverId,
        why: 'Sam drank',
        byId: 'olga',
        since: receivedAt,
      },
    });

    const { erasureId } = await begin(request);
    await untilNothingIsLeft();
    expect(await read(erasureId)).toMatchObject({ state: 'RUNNING' });
    // a position that was on its way
    await db.positionFix.create({ data: { ...fix, at: new Date(1) } });
    time.aheadMs = 120_000;
    await untilNothingIsLeft();
    time.aheadMs = 0;

    expect(await read(erasureId)).toMatchObject({ state: 'DONE', kind: 'DRIVER' });
    const rows = await Promise.all([
      db.driver.findUniqueOrThrow({ where: { id: driverId } }),
      db.pushSubscription.findMany({ where: { driverId } }),
      db.positionFix.findMany({ where: { driverId } }),
      db.rescue.findMany({ where: { driverId } }),
      db.suspension.findMany({ where: { subjectId: driverId } }),
      db.auditEntry.findMany({ where: { driverId } }),
      db.erasure.findUniqueOrThrow({ where: { id: erasureId } }),
    ]);
    const said = JSON.stringify(rows, (_name, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(said).not.toMatch(/Sam|\+316|https:\/\/push|52\.123|her dog/);
    expect(rows[0]).toMatchObject({ name: '', phone: null, lastLat: null, lastLng: null });
    expect((await world.map.readViews([driverId]))[0]?.entry).toBeNull();
    expect(await problemsNow()).toEqual([]);
  });
});

describe('personal data', () => {
  const sweep = (keptMs: number | null, now = Date.now()) =>
    createErasureSweep({
      db: world.db,
      erasures: { advance: async () => 0 },
      clock: () => now + (Date.now() - started),
      newId,
      keptMs,
      positionsKeptMs: 30 * DAY,
      heartbeat: () => {},
    })();
  const started = Date.now();

  test('of deliveries ends by age, with the notes of ops, and not before', async () => {
    const [aged, open, fresh] = [await deliveryOf(), await deliveryOf({ name: 'Eve' }), await deliveryOf()];
    const cases = createSupportCases({ db: world.db, clock: Date.now, newId, notifyRelay: () => {} });
    const caseId = newId();
    await world.db.escalation.create({
      data: {
        id: caseId,
        deliveryId: aged.deliveryId,
        cityId: 'any',
        level: 0,
        reason: 'CARRIER_SILENT',
        openedAt: new Date(),
      },
    });
    await cases.resolve(caseId, { by: OPS, resolution: 'BY_OPS', note: 'call her', correlationId: 'x' });
    expect(await saidOf(aged.deliveryId)).toContain('call her');
    for (const each of [aged, fresh]) await ended(each.deliveryId, each.driverId);
    await world.db.delivery.update({
      where: { id: aged.deliveryId },
      data: { closedAt: new Date(Date.now() - 181 * DAY) },
    });

    expect(await sweep(null)).toMatchObject({ deliveries: 0, texts: 0 });
    expect(await saidOf(aged.deliveryId)).toContain('Mrs Smith');
    expect(await sweep(180 * DAY)).toMatchObject({ deliveries: 1, isDone: true });
    for (const word of WORDS) expect(await saidOf(aged.deliveryId)).not.toContain(word);
    expect(await saidOf(fresh.deliveryId)).toContain('Mrs Smith');
    expect(await saidOf(open.deliveryId)).toContain('Eve');
    expect(await sweep(180 * DAY)).toMatchObject({ deliveries: 0, isDone: true });
    expect(await problemsNow()).toEqual([]);
  });

  test('in any chain of the trail ends by age, and places of drivers who went', async () => {
    const { deliveryId, driverId } = await deliveryOf({ name: 'Fay' });
    await ended(deliveryId, driverId);
    const { db } = world;
    const at = new Date(Date.now() - 40 * DAY);
    await db.driver.update({ where: { id: driverId }, data: { availability: 'OFFLINE', lastFixAt: at } });
    expect(await saidOf(deliveryId)).toContain('her dog');
    const report = await sweep(10 * DAY, Date.now() + 11 * DAY);
    expect(report.isDone).toBe(true);
    expect(await db.auditEntry.count({ where: { texts: { path: ['salt'], string_contains: '' } } })).toBe(0);
    expect(await db.driver.findUniqueOrThrow({ where: { id: driverId } })).toMatchObject({
      lastLat: null,
      lastLng: null,
    });
    expect(await problemsNow()).toEqual([]);
  });
});

describe('the trail after an erasure', () => {
  test('still shows who tampers with it', async () => {
    const { deliveryId, driverId } = await deliveryOf({ name: 'Gil', phone: '070-4445556' });
    await ended(deliveryId, driverId);
    const silent = await deliveryOf({ name: 'Hal', phone: '070-0001112' });
    await ended(silent.deliveryId, silent.driverId);
    await begin({ kind: 'CUSTOMER', phone: '070-4445556', name: null });
    await untilNothingIsLeft();
    expect(await problemsNow()).toEqual([]);
    const forger = await connectForger(world);
    // a word put back where one was erased; and words removed without saying so
    await forger.query(
      `UPDATE audit_entries SET why = 'nothing' WHERE chain = $1 AND texts IS NOT NULL AND NOT texts ? 'salt'`,
      [`delivery/${deliveryId}`],
    );
    await forger.query(
      `UPDATE audit_entries SET why = NULL, texts = texts - 'salt' WHERE chain = $1 AND texts ? 'salt'`,
      [`delivery/${silent.deliveryId}`],
    );
    await forger.end();
    const problems = await problemsNow();
    for (const id of [deliveryId, silent.deliveryId])
      expect(problems).toContainEqual(
        expect.objectContaining({ chain: `delivery/${id}`, kind: 'CONTENT_DIFFERS' }),
      );
  });

  test('holds for entries of releases that hashed their texts', async () => {
    const { deliveryId, driverId } = await deliveryOf({ name: 'Ivy', phone: '080-7778889' });
    await ended(deliveryId, driverId);
    await asOlderRelease(deliveryId);
    expect((await problemsNow()).filter(({ chain }) => chain.endsWith(deliveryId))).toEqual([]);
    expect(await saidOf(deliveryId)).toContain('her dog');
    await begin({ kind: 'CUSTOMER', phone: '080-7778889', name: null });
    await untilNothingIsLeft();
    expect(await saidOf(deliveryId)).not.toContain('her dog');
    expect((await problemsNow()).filter(({ chain }) => chain.endsWith(deliveryId))).toEqual([]);
  });
});

/** Writes the chain of a delivery anew, as a release did that hashed texts with the rest. */
async function asOlderRelease(deliveryId: string): Promise<void> {
  const chains = createAuditChains(world.db);
  const [stored] = await chains.readChains([`delivery/${deliveryId}`]);
  const forger = await connectForger(world);
  let previous: string | null = null;
  const byPrevious = new Map(stored?.entries.map((entry) => [entry.previous, entry]));
  for (let entry = byPrevious.get(null); entry; entry = byPrevious.get(entry.hash)) {
    const record = { ...entry.record };
    delete record.texts;
    const { hash } = chains.rehash({ ...entry, record, previous, salt: null });
    await forger.query(
      `UPDATE audit_entries SET texts = NULL, prev_hash = decode($2, 'hex'), hash = decode($3, 'hex') WHERE id = $1`,
      [record.id, previous, hash],
    );
    previous = hash;
  }
  await forger.query(`UPDATE deliveries SET audit_hash = decode($2, 'hex') WHERE id = $1`, [
    deliveryId,
    previous,
  ]);
  await forger.end();
}
