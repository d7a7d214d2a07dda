import { chainedEntry, type StoredEntry } from '../../adapters/postgres/auditChains';
import { ensureAuditPartitions } from '../../adapters/postgres/auditPartitions';
import { eraseTexts } from '../../adapters/postgres/erasedTexts';
import type { OverdueStage } from '../../domain/driver/stageWatch';
import { type Call, call, callAfter, merchant, type Site, textOf } from './calls';
import type { Draw } from './draw';
import { refused } from './writes';

/** Profiles of drivers and merchants, and how customers follow a delivery. */
export function profileCalls({ api }: Site, draw: Draw): Call[] {
  const merchants = 'GET /v2/merchants';
  return [
    call('POST /v2/drivers of v1', () =>
      refused(
        'V2_REQUIRED',
        api.ask('POST /v2/drivers', { body: { cityId: draw.city(), name: 'Bench', vehicleKind: 'CAR' } }),
      ),
    ),
    callAfter(
      'PATCH /v2/drivers/:id of the vehicle',
      async () => {
        const body = { cityId: draw.city(), name: 'Bench', vehicleKind: 'CAR', offerVersion: 2 };
        return textOf(await api.ask('POST /v2/drivers', { body }), 'driverId');
      },
      (id) => api.ask('PATCH /v2/drivers/:id', { params: { id }, body: { vehicleKind: 'VAN' } }),
    ),
    call(merchants, () => api.ask(merchants, { query: { limit: '10' } })),
    callAfter(
      `${merchants}, next page`,
      async () => textOf(await api.ask(merchants, { query: { limit: '10' } }), 'nextCursor'),
      (cursor) => api.ask(merchants, { query: { cursor } }),
    ),
    callAfter(
      'GET /v2/merchants/:id',
      async () => draw.one('closed').merchantId,
      (id) => api.ask('GET /v2/merchants/:id', { params: { id }, as: merchant(id) }),
    ),
    callAfter(
      'PATCH /v2/merchants/:id',
      async () => draw.one('closed').merchantId,
      (id) => api.ask('PATCH /v2/merchants/:id', { params: { id }, body: { name: `Shop ${Math.random()}` } }),
    ),
    callAfter(
      'POST /v2/deliveries/:id/tracking-token',
      async () => draw.one('searching').id,
      (id) => api.ask('POST /v2/deliveries/:id/tracking-token', { params: { id } }),
    ),
    callAfter(
      'GET /v2/tracking',
      async () => draw.one('closed').id,
      (deliveryId) =>
        api.ask('GET /v2/tracking', {
          as: { role: 'tracking', subject: `tracking/${deliveryId}`, deliveryId },
        }),
    ),
  ];
}

/** What clients are sent when they connect. */
export function stateCalls({ world: { services } }: Site, draw: Draw): Call[] {
  const { roomStates } = services;
  const cities = () => [draw.city(), draw.city(), draw.city()];
  return [
    call('state of ops', () => roomStates.ops('all')),
    call('state of ops of three cities', () => roomStates.ops(cities())),
    callAfter(
      'state of a merchant',
      async () => draw.one('closed').merchantId,
      (id) => roomStates.merchant(id),
    ),
  ];
}

/** What the hourly and the lost-drivers sweep do once a month, and once a stage. */
export function rareSweepCalls({ world: { db, services, clock } }: Site, draw: Draw): Call[] {
  let month = 12;
  const overdue = async (tell: OverdueStage['tell']): Promise<OverdueStage> => {
    const { id, deliveryId, driverId } = await db.assignment.findFirstOrThrow({
      where: { state: 'ACTIVE', delivery: { status: 'ASSIGNED' } },
    });
    const dueAt = clock() - 60_000;
    const untold = { stageDueAt: new Date(dueAt), stageRemindedAt: null, stageToldAt: null };
    await db.assignment.update({ where: { id }, data: { stage: 'ASSIGNED', ...untold } });
    return { tell, deliveryId, assignmentId: id, driverId, stage: 'ASSIGNED', dueAt };
  };
  const by = { actor: { kind: 'system', id: 'plans' }, erasureId: null, correlationId: 'plans' } as const;
  const erased = async (chain: string): Promise<number> => {
    const rows = await db.$queryRaw<
      StoredEntry[]
    >`SELECT * FROM audit_entries WHERE chain = ${chain} LIMIT 1`;
    return db.$transaction((tx) => eraseTexts(tx, chain, rows.map(chainedEntry), { ...by, at: clock() }));
  };
  return [
    callAfter(
      'texts of a delivery erased',
      async () => draw.one('closed').id,
      (id) => erased(`delivery/${id}`),
    ),
    callAfter(
      'texts of a driver erased',
      async () => draw.one('offDuty').id,
      (id) => erased(`driver/${id}`),
    ),
    callAfter(
      'texts of a configuration erased',
      async () => {
        const [head] = await db.$queryRaw<{ chain: string }[]>`SELECT chain FROM audit_heads LIMIT 1`;
        if (!head) throw new Error('no configuration was changed');
        return head.chain;
      },
      erased,
    ),
    call('audit partition of another month', () =>
      ensureAuditPartitions(db, new Date(clock() + (month += 1) * 31 * 86_400_000), 1),
    ),
    ...(['driver', 'ops'] as const).map((tell) =>
      callAfter(
        `overdue stage, told to ${tell}`,
        () => overdue(tell),
        (stage) => services.overdueStages.tell(stage, 'plans'),
      ),
    ),
  ];
}
