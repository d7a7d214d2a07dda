import { z } from 'zod';
import type { FeatureName } from '../../domain/features/rollout';
import type { SupportClient } from '../../simulator/client/supportClient';
import { wanted } from '../../simulator/client/service';
import type { SimulatedDriver } from '../../simulator/people/driver';
import {
  acceptedAfter,
  assignedDirectly,
  levelsReached,
  offersMade,
  readEscalation,
  readFate,
} from './record';
import { LEVEL_1_MS } from './settings';
import type { Inspection } from '../../simulator/kit/inspection';
import type { SimulatedOps } from '../../simulator/people/simulatedOps';
import type { OrderFlow } from '../../simulator/people/orders';
import { poll } from '../../simulator/kit/pause';

/**
 * One feature thrown off and on again in mid-run. Seconds count from the sending of the request to the effect
 * as it was seen; null: none was. `more`: what else was measured.
 */
export type KillReport = {
  feature: FeatureName;
  offSeconds: number | null;
  onSeconds: number | null;
  problems: string[];
  more: Record<string, number>;
};

export type KillDeps = {
  client: SupportClient;
  desk: Pick<SimulatedOps, 'sawCase' | 'gave' | 'assignNearest'>;
  inspection: Pick<Inspection, 'pool' | 'liveOffers' | 'isOnMap'>;
  orders: Pick<OrderFlow, 'placedCount' | 'hurry' | 'placeFar'>;
  drivers: readonly SimulatedDriver[];
  /** Of worker and API, before `/health`. */
  healthUrls: readonly string[];
  log: (line: string) => void;
  signal: AbortSignal;
};

const LOOK_EVERY_MS = 50;
const EFFECT_WITHIN_MS = 30_000;
/** For who or what a switch is to be tried on. */
const CHANCE_WITHIN_MS = 60_000;
/** Before that the evening has not begun. */
const WARM_AFTER_ORDERS = 6;
const HURRY_EVERY_MS = 1_000;
/** So many are assigned unasked before offers come back. */
const DIRECT_WANTED = 2;
/** A level is overdue by so much before escalation comes back. */
const OVERDUE_MS = 3_000;

/** Throws each switch in turn, and puts it back. What goes wrong with one is in its report. */
export async function throwAll(deps: KillDeps): Promise<KillReport[]> {
  const reports: KillReport[] = [];
  await until(deps, CHANCE_WITHIN_MS, async () => deps.orders.placedCount >= WARM_AFTER_ORDERS);
  for (const [feature, kill] of KILLS) {
    const report = await kill(deps).catch((error: unknown) => putBack(deps, feature, error));
    deps.log(`kill-switch ${feature}: off after ${report.offSeconds} s, on after ${report.onSeconds} s`);
    reports.push({ feature, more: {}, ...report });
  }
  return reports;
}

async function putBack({ client }: KillDeps, feature: FeatureName, error: unknown): Promise<Kill> {
  const back = await client.putFeature(feature, true, 'the drill failed').then(
    ({ ok }) => ok,
    () => false,
  );
  return {
    offSeconds: null,
    onSeconds: null,
    problems: [String(error), ...(back ? [] : ['it could not be put back'])],
  };
}

type Kill = Omit<KillReport, 'feature' | 'more'> & { more?: Record<string, number> };

const KILLS: readonly (readonly [FeatureName, (deps: KillDeps) => Promise<Kill>])[] = [
  ['driver_offers', killOffers],
  ['availability_states', killStates],
  ['escalation', killEscalation],
  ['auto_reassignment', killReassignment],
];

// ---- the four ----

/** Off: the next choice of a driver is v1's. On: the next one is offered. */
async function killOffers(deps: KillDeps): Promise<Kill> {
  const {
    inspection: { pool },
  } = deps;
  // With an offer out, so that it is seen what becomes of it.
  await until(deps, CHANCE_WITHIN_MS, async () => (await deps.inspection.liveOffers()) > 0);
  const off = await turn(deps, 'driver_offers', false);
  const direct = (): Promise<number> => assignedDirectly(pool, off.sentAt);
  const offSeconds = await secondsUntil(
    deps,
    off.sentAt,
    hurrying(deps, async () => (await direct()) > 0),
  );
  await until(
    deps,
    EFFECT_WITHIN_MS,
    hurrying(deps, async () => (await direct()) >= DIRECT_WANTED),
  );
  const on = await turn(deps, 'driver_offers', true);
  const made = await offersMade(pool, { since: off.knownAt, until: on.sentAt });
  const onSeconds = await secondsUntil(
    deps,
    on.sentAt,
    hurrying(deps, async () => (await offersMade(pool, { since: on.sentAt })) > 0),
  );
  const more = { directWhileOff: await direct(), acceptedWhileOff: await acceptedAfter(pool, off.knownAt) };
  return { offSeconds, onSeconds, more, problems: made > 0 ? [`${made} offers were made while off`] : [] };
}

/** Off: who was ON_BREAK is OFFLINE, and not on the map. On: a break can be taken again. */
async function killStates(deps: KillDeps): Promise<Kill> {
  const resting = await until(deps, CHANCE_WITHIN_MS, () => someoneOnBreak(deps));
  if (!resting) return { offSeconds: null, onSeconds: null, problems: ['nobody could be sent on a break'] };
  const { driverId } = resting;
  const off = await turn(deps, 'availability_states', false);
  const offSeconds = await secondsUntil(
    deps,
    off.sentAt,
    async () =>
      (await availabilityOf(deps, driverId)) === 'OFFLINE' && !(await deps.inspection.isOnMap(driverId)),
  );
  await resting.endRest();
  const on = await turn(deps, 'availability_states', true);
  const onSeconds = await secondsUntil(deps, on.sentAt, () => resting.rest());
  await resting.endRest();
  return { offSeconds, onSeconds, problems: [] };
}

/**
 * Off: both processes know, no level is reached though one is due, and ops still assign by hand. On: the
 * overdue level comes.
 */
async function killEscalation(deps: KillDeps): Promise<Kill> {
  const {
    orders,
    desk,
    client,
    inspection: { pool },
  } = deps;
  const [waiting, byHand] = [await orders.placeFar('far-1'), await orders.placeFar('far-2')];
  const off = await turn(deps, 'escalation', false);
  const handAt = Date.now();
  const manualSeconds = await secondsUntil(deps, handAt, () =>
    desk.assignNearest(byHand.deliveryId, 'nobody is near, and escalation is off'),
  );
  const overdue = await until(
    deps,
    CHANCE_WITHIN_MS,
    async () => (await readEscalation(pool, waiting.deliveryId)).unassignedMs >= LEVEL_1_MS + OVERDUE_MS,
  );
  const on = await turn(deps, 'escalation', true);
  const reached = await levelsReached(pool, { since: off.knownAt, until: on.sentAt });
  const onSeconds = await secondsUntil(
    deps,
    on.sentAt,
    async () => wanted('reading a delivery', await client.delivery(waiting.deliveryId)).level >= 1,
  );
  return {
    offSeconds: inSeconds(off.knownAt - off.sentAt),
    onSeconds,
    more: manualSeconds === null ? {} : { manualWhileEscalationOffSeconds: manualSeconds },
    problems: [
      ...(overdue ? [] : ['no level came due while off']),
      ...(reached > 0 ? [`${reached} levels were reached while off`] : []),
      ...(manualSeconds === null ? ['nobody could be assigned by hand meanwhile'] : []),
    ],
  };
}

/** Off: a delivery that loses its driver comes before ops. On: another driver is looked for at once. */
async function killReassignment(deps: KillDeps): Promise<Kill> {
  const first = await someoneOnTheWay(deps);
  const off = await turn(deps, 'auto_reassignment', false);
  const held = await loseOneUntil(deps, first, 'held');
  const offSeconds = held
    ? await secondsUntil(
        deps,
        off.sentAt,
        async () => deps.desk.sawCase(held, 'REASSIGNMENT_OFF') !== undefined,
      )
    : null;
  const second = await someoneOnTheWay(deps);
  const on = await turn(deps, 'auto_reassignment', true);
  const reassigned = await loseOneUntil(deps, second, 'reassigned');
  return { offSeconds, onSeconds: reassigned ? inSeconds(Date.now() - on.sentAt) : null, problems: [] };
}

// ---- what they are tried on ----

async function someoneOnBreak({ drivers, client }: KillDeps): Promise<SimulatedDriver | undefined> {
  const driver = drivers.find(({ isFree, isV1 }) => isFree && !isV1);
  if (!driver || !(await driver.rest())) return undefined;
  const { availability } = wanted('reading a driver', await client.driver(driver.driverId));
  if (availability === 'ON_BREAK') return driver;
  await driver.endRest(); // an offer was faster
  return undefined;
}

async function availabilityOf({ client }: KillDeps, driverId: string): Promise<string> {
  return wanted('reading a driver', await client.driver(driverId)).availability;
}

type OnTheWay = { driver: SimulatedDriver; deliveryId: string };

function someoneOnTheWay(deps: KillDeps): Promise<OnTheWay | undefined> {
  const look = async (): Promise<OnTheWay | undefined> => {
    for (const driver of deps.drivers) {
      const deliveryId = driver.onTheWayTo;
      if (deliveryId !== null && !driver.isV1 && !deps.desk.gave(deliveryId)) return { driver, deliveryId };
    }
    return undefined;
  };
  return until(deps, CHANCE_WITHIN_MS, hurrying(deps, look));
}

/**
 * Has drivers give their delivery up until one meets the fate that is waited for.
 * @returns that delivery; undefined where none did
 */
async function loseOneUntil(
  deps: KillDeps,
  first: OnTheWay | undefined,
  fate: 'held' | 'reassigned',
): Promise<string | undefined> {
  const deadlineAt = Date.now() + EFFECT_WITHIN_MS;
  for (let next = first; next && Date.now() < deadlineAt; next = await someoneOnTheWay(deps)) {
    const { driver, deliveryId } = next;
    const since = Date.now();
    if (driver.onTheWayTo !== deliveryId || !(await driver.giveUp(deliveryId))) continue;
    if (
      (await until(deps, EFFECT_WITHIN_MS, () => readFate(deps.inspection.pool, deliveryId, since))) === fate
    )
      return deliveryId;
  }
  return undefined;
}

/** A look that makes new orders come fast, since somebody waits for one. */
function hurrying<T>({ orders }: KillDeps, look: () => Promise<T>): () => Promise<T> {
  let hurriedAt = 0;
  return () => {
    if (Date.now() - hurriedAt >= HURRY_EVERY_MS) {
      hurriedAt = Date.now();
      orders.hurry();
    }
    return look();
  };
}

// ---- switching and measuring ----

const HEALTH = z.object({ features: z.record(z.string(), z.object({ state: z.string() })) });

/** When the request was sent, and when worker and API showed it; epoch ms. */
type Turned = { sentAt: number; knownAt: number };

async function turn(deps: KillDeps, feature: FeatureName, enabled: boolean): Promise<Turned> {
  const sentAt = Date.now();
  wanted(
    `switching ${feature}`,
    await deps.client.putFeature(
      feature,
      enabled,
      `a drill: ${feature} ${enabled ? 'on again' : 'off'} in mid-run`,
    ),
  );
  const isKnown = await until(deps, EFFECT_WITHIN_MS, async () =>
    (await Promise.all(deps.healthUrls.map((url) => isShown(url, feature, enabled)))).every((shown) => shown),
  );
  if (!isKnown) throw new Error(`not every process knows that it is ${enabled ? 'on' : 'off'}`);
  return { sentAt, knownAt: Date.now() };
}

async function isShown(url: string, feature: FeatureName, enabled: boolean): Promise<boolean> {
  const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) })
    .then((response): Promise<unknown> => response.json())
    .catch(() => null);
  return stateIn(answer, feature) === (enabled ? 'ON' : 'OFF');
}

/** What a process says of a feature; undefined where it says nothing. */
export function stateIn(health: unknown, feature: FeatureName): string | undefined {
  const read = HEALTH.safeParse(health);
  return read.success ? read.data.features[feature]?.state : undefined;
}

/** @returns undefined where it never came */
function until<T>(
  { signal }: KillDeps,
  withinMs: number,
  ask: () => Promise<T | undefined | false>,
): Promise<T | undefined> {
  return poll(async () => (await ask()) || undefined, {
    everyMs: LOOK_EVERY_MS,
    deadlineAt: Date.now() + withinMs,
    signal,
  });
}

/** @returns null where it never came */
async function secondsUntil(
  deps: KillDeps,
  since: number,
  look: () => Promise<boolean>,
): Promise<number | null> {
  return (await until(deps, EFFECT_WITHIN_MS, look)) ? inSeconds(Date.now() - since) : null;
}

function inSeconds(ms: number): number {
  return Math.round(ms / 10) / 100;
}
