import pTimeout from 'p-timeout';
import { Latencies } from '../../simulator/client/latencies';
import { requireSuccess } from '../../simulator/client/service';
import type { Inspection } from '../../simulator/kit/inspection';
import { poll } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';
import { readDeliveries, readDrivers } from '../../simulator/kit/record';
import type { Field, Slot } from './field';
import { type Answered, contradictions, type RaceRecord, type WorkflowState } from './judge';
import { Balance, Heat, type Race } from './kinds';

/** The results of one race. `broken`: the contradictions, in words. */
export type RaceReport = {
  race: string;
  times: number;
  won: number;
  lost: number;
  broken: string[];
  acceptP50Ms: number | null;
  acceptP99Ms: number | null;
  seconds: number;
};

export type RunDeps = { inspection: Inspection; random: Random; field: Field };
export type RunOptions = {
  race: Race;
  times: number;
  /** How long the three sources may take to agree, in ms. */
  settleMs: number;
};

/** The time limit of one heat, a worker restart included. */
const RACED_WITHIN_MS = 90_000;

/** Runs a race this many times, in all slots at once. */
export async function runRace(deps: RunDeps, options: RunOptions): Promise<RaceReport> {
  const startedAt = Date.now();
  const latencies = new Latencies();
  const balance = new Balance();
  const answers: Answered[] = [];
  const broken: string[] = [];
  let left = options.times;
  const runSlot = async (slot: Slot): Promise<void> => {
    while (left-- > 0) {
      const number = options.times - left;
      const outcome = await runHeat(deps, options, { slot, number, latencies, balance });
      answers.push(...outcome.answers);
      broken.push(
        ...outcome.broken.map(
          (problem) => `${options.race.prefix ?? options.race.name} ${number}: ${problem}`,
        ),
      );
    }
  };
  await Promise.all(deps.field.slots.map(runSlot));
  const accepts = answers.filter(({ asked }) => asked === 'accept');
  const won = accepts.filter(({ status }) => status === 200).length;
  return {
    race: options.race.name,
    times: options.times,
    won,
    lost: accepts.length - won,
    broken,
    acceptP50Ms: latencies.percentile('accept', 50),
    acceptP99Ms: latencies.percentile('accept', 99),
    seconds: Math.round((Date.now() - startedAt) / 1_000),
  };
}

type HeatOutcome = { answers: Answered[]; broken: string[] };

async function runHeat(
  deps: RunDeps,
  options: RunOptions,
  {
    slot,
    number,
    latencies,
    balance,
  }: { slot: Slot; number: number; latencies: Latencies; balance: Balance },
): Promise<HeatOutcome> {
  const { field, random } = deps;
  await Promise.all([slot.near.comeOnDuty(), slot.far.comeOnDuty()]);
  const { deliveryId } = requireSuccess(
    'an order',
    await field.merchant.post(orderOf(slot, `${options.race.prefix ?? options.race.name}-${number}`)),
  );
  const heat = new Heat(
    slot,
    deliveryId,
    random.stream(`${options.race.name}/${number}`),
    balance,
    field,
    latencies,
  );
  const answers = await raced(heat, options);
  const afterRace = answers
    ? await judged(deps, heat, answers, options.settleMs)
    : [`no offer or no answer within ${RACED_WITHIN_MS / 1_000} s`];
  const closing = await field.ops.cancel(deliveryId, 'OPS_CANCELLED');
  const afterEnd =
    answers && afterRace.length === 0 ? await judged(deps, heat, answers, options.settleMs, 'closed') : [];
  for (const driver of [slot.near, slot.far]) driver.forget(deliveryId);
  const notClosed = closing.ok ? [] : [`the delivery could not be closed: ${closing.code} ${closing.detail}`];
  return {
    answers: answers ?? [],
    broken: [...afterRace, ...afterEnd.map((problem) => `after its end: ${problem}`), ...notClosed].map(
      (problem) => `delivery ${deliveryId}: ${problem}`,
    ),
  };
}

/** @returns null where an offer or an answer did not arrive in time */
function raced(heat: Heat, { race }: RunOptions): Promise<Answered[] | null> {
  return pTimeout(race.run(heat), { milliseconds: RACED_WITHIN_MS, fallback: () => null });
}

function orderOf({ cityId, pickup }: Slot, sellerOrderId: string) {
  const dropoff = { lat: pickup.lat - 0.01, lng: pickup.lng };
  return {
    sellerOrderId,
    cityId,
    pickup: { address: 'Start', point: pickup },
    dropoff: { address: 'Finish', point: dropoff },
    readyAt: null,
    parcelSize: 'SMALL',
    feeCents: 500,
  } as const;
}

const LOOK_EVERY_MS = 100;

/**
 * The contradictions left when the settle time is over; empty as soon as all agree.
 * @param state `closed`: the run must have ended as well
 */
async function judged(
  deps: RunDeps,
  { deliveryId, slot }: Heat,
  answers: readonly Answered[],
  settleMs: number,
  state: 'any' | 'closed' = 'any',
): Promise<string[]> {
  const judge = async (): Promise<string[]> => {
    const record = await witnessed(
      deps.inspection,
      deliveryId,
      [slot.near.driverId, slot.far.driverId],
      answers,
    );
    if ('missing' in record) return [record.missing];
    return state === 'closed' && record.workflow.running
      ? ['the workflow is still running']
      : contradictions(record);
  };
  let problems: string[] = [];
  const agreed = async (): Promise<true | undefined> =>
    (problems = await judge()).length === 0 ? true : undefined;
  await poll(agreed, { everyMs: LOOK_EVERY_MS, deadlineAt: Date.now() + settleMs });
  return problems;
}

/** Reads the three sources. They change while they are read, so only a lasting contradiction counts. */
async function witnessed(
  inspection: Inspection,
  deliveryId: string,
  driverIds: readonly string[],
  answers: readonly Answered[],
): Promise<RaceRecord | { missing: string }> {
  const [delivery] = await readDeliveries(inspection.pool, [deliveryId]);
  if (!delivery) return { missing: 'the delivery has no row' };
  const [drivers, workflow] = await Promise.all([
    readDrivers(inspection.pool, driverIds),
    workflowWord(inspection, delivery),
  ]);
  return 'missing' in workflow ? workflow : { answers, delivery, drivers, workflow };
}

async function workflowWord(
  inspection: Inspection,
  order: { merchantId: string; sellerOrderId: string },
): Promise<WorkflowState | { missing: string }> {
  const word = await inspection.temporal.snapshot(order);
  switch (word.kind) {
    case 'running':
      return { running: true, known: word.known };
    case 'ended':
      return { running: false, result: word.result };
    case 'broken':
      return { missing: `the workflow is ${word.state}` };
    case 'none':
      return { missing: 'there is no workflow' };
    case 'silent':
      return { missing: `the workflow does not answer: ${word.why}` };
  }
}
