import { z } from 'zod';
import { type Answer, isRefusal } from '../../domain/delivery/deliveryState';
import { COMMANDS } from '../../workflows/contract';
import { actorOf } from '../auth/caller';
import type { RescueJob, RescueResult } from '../../services/rescue';
import type { ApiDeps } from '../deps';
import { type Call, type Endpoint, post, type Reply } from '../http/endpoint';
import { instantText, iso, line, uuid } from '../http/fields';
import { Problem } from '../http/problems';
import { addressDelivery } from '../queries/deliveries';
import { driverExists } from '../queries/drivers';

const byId = z.strictObject({ id: uuid });
const body = z.strictObject({ why: line(300).meta({ description: 'Recorded in the audit trail' }) });

/** The outcome of a job whose delivery did not answer. */
const NO_ANSWER = 'NOT_ANSWERED_IN_TIME';
/** How many deliveries are called in parallel. */
const CONCURRENCY = 5;

const rescueView = z
  .strictObject({
    rescueId: z.uuid(),
    driverId: z.uuid(),
    jobs: z.array(
      z.strictObject({
        deliveryId: z.uuid(),
        offerId: z.uuid().nullable(),
        assignmentId: z.uuid().nullable(),
        outcome: z.string().meta({
          description:
            '`released`: the search starts again, or waits for ops; ' +
            '`escalated`: the driver has the goods, and ops decide; ' +
            `\`${NO_ANSWER}\`: not known yet. The job will be freed, and it is safe to repeat the request; ` +
            'any other value: the code of a refusal',
        }),
        at: instantText
          .nullable()
          .meta({ description: 'When the driver was released; null: not known, or not released' }),
      }),
    ),
  })
  .meta({ id: 'Rescue' });

/** Rescue: ops release a driver from every job (docs/behaviour.md#reassignment). */
export function rescueEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    post({
      path: '/v2/ops/drivers/:id/rescue',
      tag: 'ops',
      summary: 'Take a driver off duty and release all their jobs',
      roles: ['ops'],
      takesKey: true,
      params: byId,
      body,
      replies: {
        200: {
          description: 'The outcome of each job; a repeat with the same key reports on the same jobs',
          schema: rescueView,
        },
      },
      handle: (call) => rescue(deps, call),
    }),
  ];
}

type RescueCall = Call<{ id: string }, unknown, z.output<typeof body>>;

async function rescue(deps: ApiDeps, call: RescueCall): Promise<Reply> {
  const {
    params: { id: driverId },
    caller,
    body: { why },
    correlationId,
    idempotencyKey,
  } = call;
  const noDriver = new Problem('NOT_FOUND', 'there is no such driver');
  if (!(await driverExists(deps.db, caller, driverId))) throw noDriver;
  const key = idempotencyKey === null ? deps.newId() : `${caller.subject}/${idempotencyKey}`;
  const begun = await deps.rescue.begin(driverId, { key, by: actorOf(caller), why, correlationId });
  if (!begun) throw noDriver;
  const results = new Map<string, RescueResult>();
  await forEachConcurrently(
    begun.jobs.filter(({ result }) => result === null),
    CONCURRENCY,
    async (job) => {
      const result = await resultOf(deps, call, begun.rescueId, job);
      if (result) results.set(job.deliveryId, result);
    },
  );
  const jobs = results.size === 0 ? begun.jobs : await deps.rescue.keepResults(begun.rescueId, results);
  return { status: 200, body: { rescueId: begun.rescueId, driverId, jobs: jobs.map(showJob) } };
}

/** @returns null where the outcome is not known yet: the outbox has the request, and a repeat calls again */
async function resultOf(
  deps: ApiDeps,
  { params: { id: driverId }, caller, body: { why }, correlationId }: RescueCall,
  rescueId: string,
  job: RescueJob,
): Promise<RescueResult | null> {
  const { deliveryId, offerId, assignmentId } = job;
  try {
    const delivery = await addressDelivery(deps.read, caller, deliveryId);
    if (!delivery) return { outcome: 'NOT_FOUND', at: null };
    const { merchantId, sellerOrderId, isSettled } = delivery;
    const payload = { driverId, offerId, assignmentId, by: actorOf(caller), why, correlationId };
    const answer = await deps.commands.send({
      delivery: { deliveryId, merchantId, sellerOrderId },
      command: COMMANDS.rescueDelivery,
      payload,
      updateId: COMMANDS.rescueDelivery.updateId(payload, { rescueId, deliveryId }),
      isSettled,
    });
    return resultFrom(answer);
  } catch (error) {
    const isLate = error instanceof Problem && error.code === NO_ANSWER;
    if (!isLate)
      deps.log.error(
        { err: error, deliveryId, driverId, rescueId, correlationId },
        'rescue: the delivery could not be called; the outbox will call it',
      );
    return null; // one failed job must not hide the outcomes of the others
  }
}

function resultFrom(answer: Answer): RescueResult {
  if (isRefusal(answer)) return { outcome: answer.refused, at: null };
  return { outcome: answer.outcome, at: 'at' in answer ? answer.at : null };
}

function showJob({ deliveryId, offerId, assignmentId, result }: RescueJob): Record<string, unknown> {
  return {
    deliveryId,
    offerId,
    assignmentId,
    outcome: result?.outcome ?? NO_ANSWER,
    at: result === null || result.at === null ? null : iso(result.at),
  };
}

/** Acts on all items, with limited concurrency. */
async function forEachConcurrently<T>(
  items: readonly T[],
  concurrency: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const workers = Array.from({ length: concurrency }, async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await act(next);
  });
  await Promise.all(workers);
}
