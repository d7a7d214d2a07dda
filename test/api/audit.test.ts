/** The audit trail for ops: search, pagination, verification and export (docs/behaviour.md#audit-trail). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { type Client } from 'pg';
import { pino } from 'pino';
import { v7 as newId } from 'uuid';
import { writeEntries } from '../../adapters/postgres/audit';
import { createAuditChains } from '../../adapters/postgres/auditChains';
import { createAuditCheck } from '../../activities/sweeps/auditCheck';
import { timedCursorOf } from '../../api/http/fields';
import { explainedChoice } from '../../api/views/audit';
import { caseCsv } from '../../api/views/auditCsv';
import type { Actor } from '../../domain/delivery/status';
import { MATCH_TERMS } from '../../domain/matching/costTerms';
import { connectForger } from '../support/database';
import { type ApiWorld, createApiWorld, driver, merchant, ops } from '../support/apiWorld';
import { CITY, MERCHANT } from '../support/dispatchWorld';

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const OLGA: Actor = { kind: 'ops', id: 'olga' };

let world: ApiWorld;
let owner: Client;
let elsewhere: string;
beforeAll(async () => {
  world = await createApiWorld();
  owner = await connectForger(world);
  elsewhere = await world.addCity();
});
afterAll(async () => {
  await owner.end();
  await world.close();
});

type EventResult = {
  kind?: string;
  cityId?: string;
  at?: number;
  deliveryId?: string;
  driverId?: string;
  sellerOrderId?: string;
  actor?: Actor;
  why?: string;
};

/** Adds one entry without a chain head. @returns its id */
async function addEntry({
  kind = 'noted',
  cityId = CITY,
  at = Date.now(),
  deliveryId = newId(),
  driverId,
  sellerOrderId = 'order',
  actor = OLGA,
  why,
}: EventResult = {}): Promise<string> {
  const correlationId = newId();
  const entry = {
    kind,
    chain: 'delivery',
    driverId: driverId ?? null,
    actor,
    from: null,
    to: null,
    why: why ?? null,
    deviceAt: null,
    detail: null,
  } as const;
  await world.db.$transaction((tx) =>
    writeEntries(
      tx,
      { cityId, deliveryId, merchantId: MERCHANT, sellerOrderId, deliveryHash: null, driverHashes: {} },
      [entry],
      at,
      correlationId,
    ),
  );
  return (await world.db.auditEntry.findFirstOrThrow({ where: { correlationId } })).id;
}

const search = async (query: Record<string, string | number | undefined>, claims = ops()) => {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) asked.set(name, String(value));
  return (await world.as(claims).get(`/v2/ops/audit?${asked.toString()}`).expect(200)).body as {
    entries: { entryId: string; at: string }[];
    nextCursor: string | null;
  };
};
const idsOf = ({ entries }: { entries: { entryId: string }[] }): string[] =>
  entries.map(({ entryId }) => entryId);

describe('the audit trail', () => {
  it('is searchable by delivery, driver, order, actor, kind, city and time, and by combinations', async () => {
    const [deliveryId, driverId, sellerOrderId, actor] = [
      newId(),
      newId(),
      newId(),
      { kind: 'driver', id: newId() } as const,
    ];
    const at = Date.now() - DAY_MS;
    const one = await addEntry({ deliveryId, driverId, sellerOrderId, actor, kind: 'found', at });
    await addEntry({ deliveryId: newId(), at });
    const [since, until] = [new Date(at).toISOString(), new Date(at + 1).toISOString()];
    const ways = [
      { deliveryId },
      { driverId },
      { merchantId: MERCHANT, sellerOrderId },
      { actorKind: 'driver', actorId: actor.id },
      { kind: 'found' },
      { deliveryId, kind: 'found', cityId: CITY, since, until },
      { kind: 'found', since, until },
      { actorKind: 'driver', actorId: actor.id, cityId: CITY },
    ];
    for (const way of ways) expect(idsOf(await search(way))).toEqual([one]);
    const [entry] = (await search({ deliveryId })).entries;
    expect(entry).toEqual({
      entryId: one,
      at: since,
      kind: 'found',
      cityId: CITY,
      deliveryId,
      driverId,
      merchantId: MERCHANT,
      sellerOrderId,
      actor,
      from: null,
      to: null,
      why: null,
      correlationId: expect.any(String),
      deviceAt: null,
      detail: null,
      chain: `delivery/${deliveryId}`,
      previousHash: null,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(idsOf(await search({ deliveryId, kind: 'another' }))).toEqual([]);
    expect(idsOf(await search({ deliveryId, until: since }))).toEqual([]);
    expect(idsOf(await search({ since, until, cityId: CITY }))).toContain(one);
    expect(idsOf(await search({ since, until }))).toContain(one);
    expect(idsOf(await search({ since, until, cityId: elsewhere }))).toEqual([]);
  });

  it('is paginated newest first; pages are stable while entries are added, also within one instant', async () => {
    const deliveryId = newId();
    const at = Date.now() - 5 * MINUTE_MS;
    const ids: string[] = [];
    for (const each of [at, at, at, at - 1, at + 1]) ids.push(await addEntry({ deliveryId, at: each }));
    const wanted = [ids[4]!, ...[ids[0]!, ids[1]!, ids[2]!].sort().reverse(), ids[3]!];
    const pages: string[] = [];
    let page = await search({ deliveryId, limit: 2 });
    const second = { deliveryId, limit: 2, cursor: page.nextCursor! };
    const asBefore = idsOf(await search(second));
    for (;;) {
      pages.push(...idsOf(page));
      await addEntry({ deliveryId, at: Date.now() });
      if (page.nextCursor === null) break;
      page = await search({ deliveryId, limit: 2, cursor: page.nextCursor });
    }
    expect(pages).toEqual(wanted);
    expect(idsOf(await search(second))).toEqual(asBefore);
    const days = await search({
      since: new Date(at - 1).toISOString(),
      until: new Date(at + 2).toISOString(),
      limit: 1,
      cityId: CITY,
    });
    expect(
      idsOf(
        await search({
          since: new Date(at - 1).toISOString(),
          until: new Date(at + 2).toISOString(),
          limit: 4,
          cityId: CITY,
          cursor: days.nextCursor!,
        }),
      ),
    ).toEqual(wanted.slice(1));
  });

  it('is visible only to ops of the city', async () => {
    const [deliveryId, kind] = [newId(), 'shown_to_some'];
    const [here, there] = [
      await addEntry({ deliveryId, kind }),
      await addEntry({ deliveryId, kind, cityId: elsewhere }),
    ];
    const both = [here, there].sort().reverse();
    for (const query of [{ deliveryId }, { kind }]) {
      expect(
        idsOf(await search(query))
          .sort()
          .reverse(),
      ).toEqual(both);
      expect(idsOf(await search(query, ops([elsewhere])))).toEqual([there]);
      expect(idsOf(await search(query, ops(['nowhere'])))).toEqual([]);
      expect(idsOf(await search({ ...query, cityId: CITY }, ops([elsewhere])))).toEqual([]);
    }
    expect(idsOf(await search({}, ops([elsewhere])))).toEqual([there]);
    for (const claims of [merchant(MERCHANT), driver(newId())])
      await world.as(claims).get('/v2/ops/audit').expect(403);
  });

  it('is searchable without a time limit by delivery, driver or order, else within 31 days', async () => {
    const [deliveryId, kind] = [newId(), 'long_ago'];
    const at = Date.now() - 40 * DAY_MS;
    const old = await addEntry({ deliveryId, kind, at });
    const since = new Date(at).toISOString();
    expect(idsOf(await search({ deliveryId }))).toEqual([old]);
    expect(idsOf(await search({ kind }))).toEqual([]);
    expect(idsOf(await search({ kind, since, until: new Date(at + DAY_MS).toISOString() }))).toEqual([old]);
    const { body } = await world.as(ops()).get(`/v2/ops/audit?kind=${kind}&since=${since}`).expect(400);
    expect(body).toMatchObject({
      code: 'INVALID_REQUEST',
      errors: [{ path: 'since', message: expect.stringContaining('at most 31 days') }],
    });
  });

  it.each([
    ['an incomplete order', `merchantId=${MERCHANT}`],
    ['an incomplete actor', 'actorId=olga'],
    ['an end before its start', 'since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z'],
    ['a cursor of another list', 'cursor=abc'],
    [
      'a cursor that names no entry',
      `cursor=${Buffer.from('2026-01-01T00:00:00.000Z/me').toString('base64url')}`,
    ],
    ['a limit that is too high', 'limit=201'],
    ['a malformed kind', 'kind=DROP%20TABLE'],
    ['an unknown field', 'name=olga'],
  ])('refuses a search with %s', async (_what, query) => {
    expect((await world.as(ops()).get(`/v2/ops/audit?${query}`).expect(400)).body.code).toBe(
      'INVALID_REQUEST',
    );
  });

  it('accepts a valid cursor that was made by the client', async () => {
    const cursor = timedCursorOf({ at: Date.now(), id: newId() });
    expect((await search({ kind: 'nothing', cursor })).entries).toEqual([]);
  });
});

const place = (address: string) => ({
  address,
  point: { lat: 52.37, lng: 4.89 },
  contactName: 'Zoë de Vries',
  contactPhone: '+31 6 1234',
  notes: 'ring twice',
});

/** An order submitted by a merchant, with an offer. */
async function delivered(): Promise<{ deliveryId: string; offerId: string; driverId: string }> {
  const body = {
    sellerOrderId: newId(),
    cityId: CITY,
    pickup: place('Prinsengracht 1'),
    dropoff: place('=Dam "2"'),
    parcelSize: 'SMALL',
    feeCents: 500,
  };
  const { deliveryId } = (await world.as(merchant(MERCHANT)).post('/v2/deliveries', body).expect(201)).body;
  const [offerId, driverId] = [newId(), await world.addDriver()];
  const score = {
    travelBucket: 4,
    recentRejections: 0,
    earningsBucket: 0,
    idleMs: 0,
    travelMs: 4 * MINUTE_MS,
    distanceMeters: 900,
  };
  await world.db.offer.create({
    data: {
      id: offerId,
      deliveryId,
      driverId,
      state: 'EXPIRED',
      round: 0,
      payCents: 700,
      payload: {},
      createdAt: new Date(),
      expiresAt: new Date(Date.now() + 1_000),
      endedAt: new Date(),
      endReason: 'TIME',
      choice: {
        radiusMeters: 3_000,
        round: 0,
        looked: 1,
        ranked: [{ driverId, offerVersion: 2, score }],
        excluded: [],
      },
    },
  });
  return { deliveryId, offerId, driverId };
}

describe('the case of a delivery', () => {
  it('has all records, the reasons for each driver and the verification, but no contacts', async () => {
    const { deliveryId, offerId, driverId } = await delivered();
    const { body, text } = await world
      .as(ops([CITY]))
      .get(`/v2/ops/deliveries/${deliveryId}/case`)
      .expect(200);
    expect(body).toMatchObject({
      delivery: {
        deliveryId,
        pickup: { address: 'Prinsengracht 1', contactName: null, contactPhone: null, notes: null },
      },
      offers: [
        {
          offerId,
          driverId,
          state: 'EXPIRED',
          why: [
            '1 driver within 3.0 km of the pickup, after 0 fruitless rounds: 1 could be asked.',
            expect.stringContaining(`Driver ${driverId} was number 1`),
          ],
        },
      ],
      assignments: [],
      entries: [{ kind: 'delivery_created', to: 'PENDING', actor: { kind: 'merchant', id: MERCHANT } }],
      entriesLeftOut: 0,
      verified: true,
      problems: [],
    });
    expect(text).not.toMatch(/Zoë|1234|ring twice|Sam/);
    await world
      .as(ops([elsewhere]))
      .get(`/v2/ops/deliveries/${deliveryId}/case`)
      .expect(404);
    await world.as(merchant(MERCHANT)).get(`/v2/ops/deliveries/${deliveryId}/case`).expect(403);
  });

  it('explains each way of assignment, except choices in an older format', async () => {
    const { deliveryId, driverId } = await delivered();
    const choice = (await world.db.offer.findFirstOrThrow({ where: { deliveryId } })).choice ?? {};
    for (const [way, kept] of [
      ['V1', choice],
      ['MANUAL', null],
      ['HANDOVER', { why: 'a flat tyre' }],
      ['V1', { oldFormat: true }],
    ] as const) {
      await world.db.assignment.create({
        data: {
          id: newId(),
          deliveryId,
          driverId,
          way,
          state: 'LOST',
          payCents: 700,
          startedAt: new Date(),
          endedAt: new Date(),
          choice: kept ?? undefined,
        },
      });
    }
    const { assignments }: { assignments: { why: string[] }[] } = (
      await world.as(ops()).get(`/v2/ops/deliveries/${deliveryId}/case`).expect(200)
    ).body;
    expect(assignments.map(({ why }) => why.at(-1))).toEqual([
      expect.stringContaining('was number 1'),
      'Ops assigned this driver by hand.',
      'Ops had the goods handed over to this driver: a flat tyre.',
      'The stored data of this choice has an older format and cannot be explained.',
    ]);
  });

  it('explains a proposal by every term that its cost may have', () => {
    const parts = MATCH_TERMS.map((what) => ({ what, costMs: 60_000 }));
    const pair = { driverId: 'driver', deliveryIds: ['delivery'], parts };
    const looked = { radiusMeters: 3_000, round: 0, looked: 1, ranked: [], excluded: [] };
    const choice = { ...looked, proposal: { roundId: 'round-1', pair } };
    expect(explainedChoice(choice, 'driver', 'SINGLE')[0]).toContain('round-1');
  });

  it('is exported as CSV', async () => {
    const { deliveryId, offerId } = await delivered();
    const { text, headers } = await world
      .as(ops())
      .get(`/v2/ops/deliveries/${deliveryId}/case.csv`)
      .expect(200);
    expect(headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="case-${deliveryId}.csv"`,
    });
    const lines: Record<string, string>[] = parse(text, { columns: true, bom: true });
    expect(lines.map(({ record, id, to }) => [record, id, to])).toEqual([
      ['delivery', deliveryId, 'PENDING'],
      ['offer', offerId, 'EXPIRED'],
      ['entry', expect.any(String), 'PENDING'],
      ['trail', deliveryId, 'VERIFIED'],
    ]);
    await world
      .as(ops([elsewhere]))
      .get(`/v2/ops/deliveries/${deliveryId}/case.csv`)
      .expect(404);
  });

  it('has an exact CSV form that runs no formulas', () => {
    const point = { lat: 1, lng: 2 };
    const stop = {
      address: '=Dam "2", é',
      point,
      contactName: null,
      contactPhone: null,
      contactPhoneE164: null,
      notes: null,
    };
    const at = '2026-11-01T10:00:00.000Z';
    const text = caseCsv({
      delivery: {
        deliveryId: 'd',
        sellerOrderId: 'o',
        merchantId: 'm',
        cityId: 'rome',
        zoneId: null,
        status: 'PENDING',
        statusChangedAt: at,
        reasonCode: null,
        parcelSize: 'SMALL',
        readyAt: at,
        windowFrom: null,
        windowTo: null,
        feeText: null,
        payText: null,
        currency: 'EUR',
        feeCents: 1,
        payCents: 2,
        distanceMeters: 3,
        searchAt: at,
        escalationLevel: 0,
        escalatedAt: null,
        broadcastSince: null,
        heldReason: null,
        losses: 0,
        bonusCents: 0,
        delayedSince: null,
        driverId: null,
        pinned: false,
        assignedAt: null,
        pickedUpAt: null,
        closedAt: null,
        createdAt: at,
        correlationId: '+1',
        pickup: stop,
        dropoff: stop,
      },
      offers: [],
      assignments: [],
      entriesLeftOut: 0,
      verified: false,
      entries: [
        {
          entryId: 'e',
          at,
          kind: 'noted',
          cityId: 'rome',
          deliveryId: 'd',
          driverId: null,
          merchantId: null,
          sellerOrderId: null,
          actor: { kind: 'ops', id: '@olga' },
          from: null,
          to: null,
          why: '=HYPERLINK("http://x")\nnext line',
          correlationId: '-2',
          deviceAt: null,
          detail: { a: 1 },
          chain: 'delivery/d',
          previousHash: null,
          hash: 'ff',
        },
        {
          entryId: 'f',
          at,
          kind: 'noted',
          cityId: 'rome',
          deliveryId: 'd',
          driverId: null,
          merchantId: null,
          sellerOrderId: null,
          actor: { kind: 'ops', id: 'a\r=1' },
          from: null,
          to: null,
          why: 'late\n=HYPERLINK(1)',
          correlationId: 'c',
          deviceAt: null,
          detail: null,
          chain: 'delivery/d',
          previousHash: 'ff',
          hash: 'fe',
        },
      ],
      problems: [
        { chain: 'delivery/d', entryId: 'e', cityId: 'rome', kind: 'CONTENT_DIFFERS', detail: 'differs' },
        { chain: 'delivery/d', entryId: null, cityId: 'rome', kind: 'NO_ROW', detail: 'none' },
      ],
    });
    const [header, delivery, ...rest] = text.split('\r\n');
    expect(header).toBe(
      '\uFEFFrecord,at,id,kind,actorKind,actorId,driverId,from,to,why,deviceAt,correlationId,' +
        'detail,previousHash,hash,problem',
    );
    expect(delivery).toMatch(
      /^delivery,2026-11-01T10:00:00\.000Z,d,,,,,,PENDING,,,'\+1,"\{""sellerOrderId"":""o"",/,
    );
    expect(rest).toEqual([
      `entry,2026-11-01T10:00:00.000Z,e,noted,ops,'@olga,,,,"'=HYPERLINK(""http://x"")\nnext line",,` +
        `'-2,"{""a"":1}",,ff,CONTENT_DIFFERS: differs`,
      // without quotes the second line would be a row that starts with a formula
      'entry,2026-11-01T10:00:00.000Z,f,noted,ops,"a\r=1",,,,"late\n=HYPERLINK(1)",,c,,ff,fe,',
      'problem,,d,,,,,,,,,,,,,NO_ROW: none',
      'trail,,d,,,,,,NOT_VERIFIED,entries: 2; older ones left out: 0,,,,,,',
      '',
    ]);
  });
});

describe('a check of the audit trail', () => {
  it('of one delivery returns its problems', async () => {
    const { deliveryId } = await delivered();
    const client = world.as(ops([CITY]));
    expect((await client.post('/v2/ops/audit/checks', { deliveryId }).expect(200)).body).toEqual({
      deliveryId,
      chain: `delivery/${deliveryId}`,
      entries: 1,
      verified: true,
      problems: [],
    });
    await owner.query(`UPDATE audit_entries SET actor_id = 'somebody' WHERE delivery_id = $1`, [deliveryId]);
    const { id } = await world.db.auditEntry.findFirstOrThrow({ where: { deliveryId } });
    expect((await client.post('/v2/ops/audit/checks', { deliveryId }).expect(200)).body).toMatchObject({
      verified: false,
      problems: [
        {
          chain: `delivery/${deliveryId}`,
          entryId: id,
          cityId: CITY,
          kind: 'CONTENT_DIFFERS',
          detail: 'the content differs from what was hashed',
        },
      ],
    });
    expect((await client.get(`/v2/ops/deliveries/${deliveryId}/case`).expect(200)).body).toMatchObject({
      verified: false,
      problems: [{ entryId: id }],
    });
    await world
      .as(ops([elsewhere]))
      .post('/v2/ops/audit/checks', { deliveryId })
      .expect(404);
    await client.post('/v2/ops/audit/checks', { deliveryId: newId() }).expect(404);
  });

  it('with many problems logs a hundred of them and the total', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
    const problem = {
      chain: 'delivery/d',
      entryId: null,
      cityId: CITY,
      kind: 'LINK_MISSING',
      detail: 'gone',
    } as const;
    const altered = await createApiWorld(() => ({
      log,
      audit: {
        check: async () => ({
          chain: 'delivery/d',
          entries: [],
          problems: Array.from({ length: 250 }, () => problem),
        }),
      },
    }));
    const { deliveryId } = await altered.addDelivery();
    const { body } = await altered.as(ops()).post('/v2/ops/audit/checks', { deliveryId });
    await altered.close();
    expect(body.problems).toHaveLength(250);
    expect(lines).toHaveLength(101);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ chain: 'delivery/d', problemCount: 250 });
  });

  it('is listed, with its problems for ops of the city', async () => {
    const { deliveryId } = await delivered();
    await owner.query(`UPDATE audit_entries SET actor_id = 'somebody' WHERE delivery_id = $1`, [deliveryId]);
    await createAuditCheck({
      chains: createAuditChains(world.db),
      clock: Date.now,
      beat: () => {},
      resumeFrom: () => undefined,
      onReport: () => {},
    })();
    await world.db.auditCheck.create({ data: { startedAt: new Date(), checkedTo: new Date() } });
    const ofCity = async (cities?: string[]) => {
      const { checks }: { checks: { problemCount: number; problems: unknown[] }[] } = (
        await world.as(ops(cities)).get('/v2/ops/audit/checks?limit=2').expect(200)
      ).body;
      return checks;
    };
    const [unfinished, finished] = await ofCity();
    expect(unfinished).toMatchObject({ finishedAt: null, problemCount: 0, problems: [] });
    expect(finished).toMatchObject({
      finishedAt: expect.any(String),
      entries: await world.db.auditEntry.count(),
    });
    expect(finished?.problems).toContainEqual(
      expect.objectContaining({ chain: `delivery/${deliveryId}`, kind: 'CONTENT_DIFFERS' }),
    );
    expect((await ofCity(['nowhere']))[1]).toMatchObject({
      problemCount: finished?.problemCount,
      problems: [],
    });
  });
});
