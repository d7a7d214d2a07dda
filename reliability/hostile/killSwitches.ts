import { z } from 'zod';
import type { FeatureName } from '../../domain/features/rollout';
import type { SupportClient } from '../../simulator/client/supportClient';
import { requireSuccess } from '../../simulator/client/service';
import type { SimulatedDriver } from '../../simulator/people/driver';
import {
  acceptedAfter,
  assignedDirectly,
  levelsReached,
  offersMade,
  readEscalation,
  readFate,
  readSearchRound,
  roundsCalled,
} from './record';
import { LEVEL_1_MS } from './settings';
import type { Inspection } from '../../simulator/kit/inspection';
import type { SimulatedOps } from '../../simulator/people/simulatedOps';
import type { OrderFlow } from '../../simulator/people/orders';
import { poll } from '../../simulator/kit/pause';

/**
 * One feature switched off and on again during the run. Seconds count from the request to the observed
 * effect; null: no effect was observed. `more`: other measurements.
 */
export type SwitchReport = {
  feature: FeatureName;
  offSeconds: number | null;
  onSeconds: number | null;
  problems: string[];
  more: Record<string, number>;
};

export type KillDeps = {
  client: SupportClient;
  desk: Pick<SimulatedOps, 'caseFirstSeenAt' | 'hasAssigned' | 'assignNearest'>;
  inspection: Pick<Inspection, 'pool' | 'liveOffers' | 'isOnMap'>;
  orders: Pick<OrderFlow, 'placedCount' | 'hurry' | 'placeFar'>;
  drivers: readonly SimulatedDriver[];
  /** Of worker and API, without `/health`. */
  healthUrls: readonly string[];
  log: (line: string) => void;
  signal: AbortSignal;
};

const LOOK_EVERY_MS = 50;
const EFFECT_WITHIN_MS = 30_000;
/** How long to wait for a subject that a switch can be tried on. */
const CHANCE_WITHIN_MS = 60_000;
/** The run has warmed up after this many orders. */
const WARM_AFTER_ORDERS = 6;
const HURRY_EVERY_MS = 1_000;
/** How many deliveries are assigned directly before offers are switched on again. */
const DIRECT_WANTED = 2;
/** How long a level is overdue before escalation is switched on again. */
const OVERDUE_MS = 3_000;

/** Switches each feature off and on in turn, matching on and off. A failure is part of its report. */
export async function toggleAll(deps: KillDeps): Promise<SwitchReport[]> {
  const reports: SwitchReport[] = [];
  await until(deps, CHANCE_WITHIN_MS, async () => deps.orders.placedCount >= WARM_AFTER_ORDERS);
  for (const [feature, kill] of KILLS) {
    const report = await kill(deps).catch((error: unknown) => putBack(deps, feature, error));
    deps.log(`kill-switch ${feature}: off after ${report.offSeconds} s, on after ${report.onSeconds} s`);
    reports.push({ feature, more: {}, ...report });
  }
  return reports;
}

async function putBack({ client }: KillDeps, feature: FeatureName, error: unknown): Promise<Kill> {
  const back = await client.putFeature(feature, feature !== 'batch_matching', 'the drill failed').then(
    ({ ok }) => ok,
    () => false,
  );
  return {
    offSeconds: null,
    onSeconds: null,
    problems: [String(error), ...(back ? [] : ['the feature could not be switched back'])],
  };
}

type Kill = Omit<SwitchReport, 'feature' | 'more'> & { more?: Record<string, number> };

const KILLS: readonly (readonly [FeatureName, (deps: KillDeps) => Promise<Kill>])[] = [
  ['driver_offers', killOffers],
  ['availability_states', killStates],
  ['escalation', killEscalation],
  ['auto_reassignment', killReassignment],
  ['batch_matching', killMatching],
];

// ---- the five ----

/** Off: the next driver is assigned directly, as in v1. On: the next driver gets an offer. */
async function killOffers(deps: KillDeps): Promise<Kill> {
  const {
    inspection: { pool },
  } = deps;
  // Switched off while an offer is live, to see what happens to it.
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
  return {
    offSeconds,
    onSeconds,
    more,
    problems: made > 0 ? [`${made} offers were made while the feature was off`] : [],
  };
}

/** Off: a driver ON_BREAK becomes OFFLINE and leaves the map. On: a break can be taken again. */
async function killStates(deps: KillDeps): Promise<Kill> {
  const resting = await until(deps, CHANCE_WITHIN_MS, () => driverOnBreak(deps));
  if (!resting) return { offSeconds: null, onSeconds: null, problems: ['no driver could take a break'] };
  const { driverId } = resting;
  const off = await turn(deps, 'availability_states', false);
  const offSeconds = await secondsUntil(
    deps,
    off.sentAt,
    async () =>
      (await availabilityOf(deps, driverId)) === 'OFFLINE' && !(await deps.inspection.isOnMap(driverId)),
  );
  await resting.endBreak();
  const on = await turn(deps, 'availability_states', true);
  const onSeconds = await secondsUntil(deps, on.sentAt, () => resting.takeBreak());
  await resting.endBreak();
  return { offSeconds, onSeconds, problems: [] };
}

/**
 * Off: both processes have switched, no level is reached although one is due, and ops can still assign by
 * hand. On: the overdue level is reached.
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
    desk.assignNearest(byHand.deliveryId, 'no driver is near, and escalation is off'),
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
    async () => requireSuccess('reading a delivery', await client.delivery(waiting.deliveryId)).level >= 1,
  );
  return {
    offSeconds: inSeconds(off.knownAt - off.sentAt),
    onSeconds,
    more: manualSeconds === null ? {} : { manualWhileEscalationOffSeconds: manualSeconds },
    problems: [
      ...(overdue ? [] : ['no level came due while the feature was off']),
      ...(reached > 0 ? [`${reached} levels were reached while the feature was off`] : []),
      ...(manualSeconds === null ? ['no driver could be assigned by hand meanwhile'] : []),
    ],
  };
}

/** Off: a delivery that loses its driver opens a case for ops. On: the search resumes at once. */
async function killReassignment(deps: KillDeps): Promise<Kill> {
  const first = await driverWithDelivery(deps);
  const off = await turn(deps, 'auto_reassignment', false);
  const held = await loseOneUntil(deps, first, 'held');
  const offSeconds = held
    ? await secondsUntil(
        deps,
        off.sentAt,
        async () => deps.desk.caseFirstSeenAt(held, 'REASSIGNMENT_OFF') !== undefined,
      )
    : null;
  const second = await driverWithDelivery(deps);
  const on = await turn(deps, 'auto_reassignment', true);
  const reassigned = await loseOneUntil(deps, second, 'reassigned');
  return { offSeconds, onSeconds: reassigned ? inSeconds(Date.now() - on.sentAt) : null, problems: [] };
}

/**
 * The others are on before, this one is not. On: a delivery that nobody is near calls for a round. Off: both
 * processes have switched, no round is called for, and the delivery goes on searching by itself.
 */
async function killMatching(deps: KillDeps): Promise<Kill> {
  const {
    orders,
    desk,
    inspection: { pool },
  } = deps;
  const on = await turn(deps, 'batch_matching', true);
  const { deliveryId } = await orders.placeFar('far-3');
  const onSeconds = await secondsUntil(
    deps,
    on.sentAt,
    async () => (await roundsCalled(pool, { since: on.sentAt })) > 0,
  );
  const off = await turn(deps, 'batch_matching', false);
  const before = await readSearchRound(pool, deliveryId);
  const ownSearchSeconds = await secondsUntil(
    deps,
    off.sentAt,
    async () => (await readSearchRound(pool, deliveryId)) > before,
  );
  const called = await roundsCalled(pool, { since: off.knownAt });
  const isAssigned = await until(deps, EFFECT_WITHIN_MS, () =>
    desk.assignNearest(deliveryId, 'no driver is near'),
  );
  return {
    offSeconds: inSeconds(off.knownAt - off.sentAt),
    onSeconds,
    more: ownSearchSeconds === null ? {} : { ownSearchWhileMatchingOffSeconds: ownSearchSeconds },
    problems: [
      ...(ownSearchSeconds === null ? ['no delivery searched by itself while the feature was off'] : []),
      ...(called > 0 ? [`${called} rounds were called for while the feature was off`] : []),
      ...(isAssigned ? [] : ['no driver could be assigned by hand']),
    ],
  };
}

// ---- what they are tried on ----

async function driverOnBreak({ drivers, client }: KillDeps): Promise<SimulatedDriver | undefined> {
  const driver = drivers.find(({ isFree, isV1 }) => isFree && !isV1);
  if (!driver || !(await driver.takeBreak())) return undefined;
  const { availability } = requireSuccess('reading a driver', await client.driver(driver.driverId));
  if (availability === 'ON_BREAK') return driver;
  await driver.endBreak(); // an offer came first
  return undefined;
}

async function availabilityOf({ client }: KillDeps, driverId: string): Promise<string> {
  return requireSuccess('reading a driver', await client.driver(driverId)).availability;
}

type CarriedDelivery = { driver: SimulatedDriver; deliveryId: string };

function driverWithDelivery(deps: KillDeps): Promise<CarriedDelivery | undefined> {
  const look = async (): Promise<CarriedDelivery | undefined> => {
    for (const driver of deps.drivers) {
      const deliveryId = driver.onTheWayTo;
      if (deliveryId !== null && !driver.isV1 && !deps.desk.hasAssigned(deliveryId))
        return { driver, deliveryId };
    }
    return undefined;
  };
  return until(deps, CHANCE_WITHIN_MS, hurrying(deps, look));
}

/**
 * Has drivers give up deliveries until one reaches the expected outcome.
 * @returns that delivery; undefined where none did
 */
async function loseOneUntil(
  deps: KillDeps,
  first: CarriedDelivery | undefined,
  fate: 'held' | 'reassigned',
): Promise<string | undefined> {
  const deadlineAt = Date.now() + EFFECT_WITHIN_MS;
  for (let next = first; next && Date.now() < deadlineAt; next = await driverWithDelivery(deps)) {
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

/** Polls, and speeds up new orders meanwhile. */
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

/** When the request was sent, and when worker and API reported it; epoch ms. */
type SwitchTimes = { sentAt: number; knownAt: number };

async function turn(deps: KillDeps, feature: FeatureName, enabled: boolean): Promise<SwitchTimes> {
  const sentAt = Date.now();
  requireSuccess(
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
  if (!isKnown) throw new Error(`not every process reports the feature ${enabled ? 'on' : 'off'}`);
  return { sentAt, knownAt: Date.now() };
}

async function isShown(url: string, feature: FeatureName, enabled: boolean): Promise<boolean> {
  const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) })
    .then((response): Promise<unknown> => response.json())
    .catch(() => null);
  return stateIn(answer, feature) === (enabled ? 'ON' : 'OFF');
}

/** The state of a feature that a process reports; undefined where it reports none. */
export function stateIn(health: unknown, feature: FeatureName): string | undefined {
  const read = HEALTH.safeParse(health);
  return read.success ? read.data.features[feature]?.state : undefined;
}

/** @returns undefined where the condition never held */
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

/** @returns null where the condition never held */
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
