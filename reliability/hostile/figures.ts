import { percentileOf } from '../../simulator/client/latencies';
import type { RecordedCase } from './record';
import type { SwitchReport } from './killSwitches';
import type { RecordedAssignment, RecordedDelivery, RecordedDriver } from '../../simulator/kit/record';

/**
 * Observations of a run with hostile conditions, in addition to those of any run. `noticed`: when the service
 * detected that a driver was lost, epoch ms by assignment id.
 */
export type HostileEvidence = {
  deliveries: readonly RecordedDelivery[];
  drivers: readonly RecordedDriver[];
  cases: readonly RecordedCase[];
  noticed: ReadonlyMap<string, number>;
  vanished: { beforePickup: number; withGoods: number };
  kills: readonly SwitchReport[];
};

/**
 * Shares are 0..1, times ms, or seconds where the name says so; null = no data. `lossesCancelled`: cancelled
 * by the merchant or customer before another driver was found; excluded from all shares.
 */
export type HostileFigures = {
  deliveredShare: number | null;
  vanishedBeforePickup: number;
  vanishedWithGoods: number;
  losses: number;
  lossesCancelled: number;
  reassigned: number;
  reassignmentSuccess: number | null;
  reassignmentP99Ms: number | null;
  handedOver: number;
  assignedTwice: number;
  escalationsLevel1: number;
  escalationsLevel2: number;
  escalationsLevel3: number;
  casesOpened: number;
  casesResolved: number;
  casesOpen: number;
  openCaseReasons: string;
};

/** The goals under hostile conditions. */
const DELIVERED_SHARE = 0.95;
const REASSIGNMENT_SUCCESS = 0.9;
const KILL_WITHIN_SECONDS = 5;

/** Cancelled by the merchant or the customer, which is no failure of the service. */
const WISHED: readonly string[] = ['MERCHANT_CANCELLED', 'CUSTOMER_CANCELLED'];

/** @returns the figures, and every goal that was missed, in words */
export function hostileFiguresOf(evidence: HostileEvidence): {
  figures: HostileFigures & Record<string, number | string | null>;
  problems: string[];
} {
  const { deliveries, cases, vanished, kills } = evidence;
  const losses = lossesOf(evidence);
  const reassigned = losses.filter(({ isReassigned }) => isReassigned).length;
  const twice = assignedTwice(evidence);
  const levels = deliveries.flatMap(({ deliveryId, moves }) =>
    moves.filter(({ kind }) => kind === 'escalated').map(({ to }) => ({ deliveryId, to })),
  );
  const reached = (level: number): number => levels.filter(({ to }) => to === String(level)).length;
  const open = cases.filter(({ state }) => state !== 'RESOLVED');
  const figures: HostileFigures = {
    deliveredShare: deliveredShare(deliveries),
    vanishedBeforePickup: vanished.beforePickup,
    vanishedWithGoods: vanished.withGoods,
    losses: losses.length,
    lossesCancelled: allLost(deliveries) - losses.length,
    reassigned,
    reassignmentSuccess: share(reassigned, losses.length),
    reassignmentP99Ms: percentileOf(
      losses.flatMap(({ offeredAfterMs }) => offeredAfterMs ?? []),
      99,
    ),
    handedOver: deliveries.flatMap(({ assignments }) => assignments).filter(({ way }) => way === 'HANDOVER')
      .length,
    assignedTwice: twice.length,
    escalationsLevel1: reached(1),
    escalationsLevel2: reached(2),
    escalationsLevel3: reached(3),
    casesOpened: cases.length,
    casesResolved: cases.length - open.length,
    casesOpen: open.length,
    openCaseReasons: open
      .map(({ reason }) => reason ?? 'none')
      .sort()
      .join(','),
  };
  const problems = [
    ...missedGoals(figures),
    ...twice,
    ...reachedTwice(levels),
    ...unexplained(cases),
    ...kills.flatMap(killProblems),
  ];
  return { figures: { ...figures, ...killFigures(kills) }, problems };
}

/** Excludes deliveries cancelled by merchant or customer. */
function deliveredShare(deliveries: readonly RecordedDelivery[]): number | null {
  const wanted = deliveries.filter(
    ({ status, reasonCode }) => status !== 'CANCELLED' || !WISHED.includes(reasonCode ?? ''),
  );
  return share(wanted.filter(({ status }) => status === 'DELIVERED').length, wanted.length);
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.round((part / whole) * 1_000) / 1_000;
}

function missedGoals({ deliveredShare: delivered, reassignmentSuccess: success }: HostileFigures): string[] {
  return [
    ...(delivered !== null && delivered >= DELIVERED_SHARE
      ? []
      : [`delivered share ${delivered ?? 0}; the goal is ${DELIVERED_SHARE}`]),
    ...(success === null || success >= REASSIGNMENT_SUCCESS
      ? []
      : [`reassigned share ${success}; the goal is ${REASSIGNMENT_SUCCESS}`]),
  ];
}

// ---- losses ----

/**
 * A driver lost before pickup. `offeredAfterMs`: from the detection to the next offer; null where the
 * delivery had to wait for ops or for a free driver.
 */
export type Loss = { assignmentId: string; isReassigned: boolean; offeredAfterMs: number | null };

/** Excludes deliveries cancelled by merchant or customer before they were reassigned. */
export function lossesOf({
  deliveries,
  cases,
  noticed,
}: Pick<HostileEvidence, 'deliveries' | 'cases' | 'noticed'>): Loss[] {
  return deliveries.flatMap((delivery) => {
    const held = cases.filter(
      ({ deliveryId, reason }) =>
        deliveryId === delivery.deliveryId &&
        (reason === 'REASSIGNMENT_OFF' || reason === 'PINNED_DRIVER_LOST'),
    );
    const losses = delivery.assignments
      .filter(({ state }) => state === 'LOST')
      .map((lost) => lossOf(delivery, lost, held, noticed));
    return delivery.status === 'CANCELLED' && WISHED.includes(delivery.reasonCode ?? '')
      ? losses.filter(({ isReassigned }) => isReassigned)
      : losses;
  });
}

function allLost(deliveries: readonly RecordedDelivery[]): number {
  return deliveries.flatMap(({ assignments }) => assignments).filter(({ state }) => state === 'LOST').length;
}

function lossOf(
  { offers, assignments }: RecordedDelivery,
  lost: RecordedAssignment,
  held: readonly RecordedCase[],
  noticed: HostileEvidence['noticed'],
): Loss {
  const { assignmentId, endedAt } = lost;
  const lostAt = endedAt ?? 0;
  const later = assignments.filter((each) => each.assignmentId !== assignmentId && each.startedAt >= lostAt);
  const found = [
    ...offers.map(({ createdAt, round }) => ({ at: createdAt, round })),
    ...later.map(({ startedAt, way, round }) => ({
      at: startedAt,
      round: way === 'MANUAL' ? null : (round ?? 0),
    })),
  ];
  const next = found.filter(({ at }) => at >= lostAt).sort((a, b) => a.at - b.at)[0];
  const hadToWait =
    next === undefined ||
    next.round !== 0 ||
    held.some(({ openedAt }) => openedAt >= lostAt && openedAt <= next.at);
  return {
    assignmentId,
    isReassigned: later.length > 0,
    offeredAfterMs: hadToWait
      ? null
      : Math.max(0, Math.round(next.at - (noticed.get(assignmentId) ?? lostAt))),
  };
}

// ---- nobody twice ----

/**
 * Events of different deliveries may wait for the same driver's row. Shorter overlaps are a matter of write
 * order, which the database guards.
 */
const ROW_WAIT_MS = 1_500;

type Span = { from: number; to: number };

/** Deliveries with two drivers at once, and drivers above their capacity. */
export function assignedTwice({
  deliveries,
  drivers,
}: Pick<HostileEvidence, 'deliveries' | 'drivers'>): string[] {
  const spanOf = ({ startedAt, endedAt }: Pick<RecordedAssignment, 'startedAt' | 'endedAt'>): Span => ({
    from: startedAt,
    to: endedAt ?? Infinity,
  });
  const two = deliveries
    .filter(({ assignments }) => mostAtOnce(assignments.map(spanOf)) > 1)
    .map(({ deliveryId }) => `delivery ${deliveryId} had two drivers at once`);
  const over = drivers.filter(({ driverId, capacity }) => {
    const theirs = deliveries.flatMap(({ assignments }) =>
      assignments.filter((each) => each.driverId === driverId),
    );
    const spans = theirs.map((each) => spanOf(afterOneOnBoard(each, theirs)));
    return mostAtOnce(spans.map(({ from, to }) => ({ from: from + ROW_WAIT_MS, to }))) > capacity;
  });
  return [
    ...two,
    ...over.map(
      ({ driverId, capacity }) => `driver ${driverId} had more than ${capacity} deliveries at once`,
    ),
  ];
}

/** A next job, got with the goods of another on board, takes its place when that one ends. */
function afterOneOnBoard(
  job: RecordedAssignment,
  theirs: readonly RecordedAssignment[],
): Pick<RecordedAssignment, 'startedAt' | 'endedAt'> {
  const { startedAt, endedAt } = job;
  const onBoard = theirs.find(
    (each) =>
      each !== job &&
      each.pickedUpAt !== null &&
      each.pickedUpAt < startedAt &&
      (each.endedAt ?? Infinity) > startedAt,
  );
  if (!onBoard) return job;
  const begins = Math.min(onBoard.endedAt ?? Infinity, endedAt ?? Infinity);
  return { startedAt: begins, endedAt };
}

/** Intervals that only touch do not overlap. */
function mostAtOnce(spans: readonly Span[]): number {
  const real = spans.filter(({ from, to }) => to > from);
  return Math.max(
    0,
    ...real.map(({ from }) => real.filter((other) => other.from <= from && from < other.to).length),
  );
}

// ---- escalation ----

/** Each level comes once a delivery (docs/behaviour.md#escalation). */
function reachedTwice(levels: readonly { deliveryId: string; to: string | null }[]): string[] {
  const seen = new Set<string>();
  return levels.flatMap(({ deliveryId, to }) => {
    const key = `${deliveryId}/${to}`;
    if (seen.has(key)) return [`delivery ${deliveryId} reached level ${to} twice`];
    seen.add(key);
    return [];
  });
}

function unexplained(cases: readonly RecordedCase[]): string[] {
  return cases.flatMap(({ caseId, state, reason, resolution }) => {
    if (state === 'RESOLVED')
      return resolution === null ? [`case ${caseId} was resolved without a resolution`] : [];
    return reason === null ? [`case ${caseId} is open without a reason`] : [];
  });
}

// ---- kill-switches ----

function killProblems({ feature, offSeconds, onSeconds, problems }: SwitchReport): string[] {
  const late = (
    [
      ['off', offSeconds],
      ['on', onSeconds],
    ] as const
  ).flatMap(([way, seconds]) => {
    if (seconds === null) return [`${feature} ${way}: no effect was observed`];
    return seconds < KILL_WITHIN_SECONDS
      ? []
      : [`${feature} ${way} took ${seconds} s; the goal is less than ${KILL_WITHIN_SECONDS} s`];
  });
  return [...late, ...problems.map((problem) => `${feature}: ${problem}`)];
}

/** `driver_offers` becomes driverOffersOffSeconds and driverOffersOnSeconds. */
function killFigures(kills: readonly SwitchReport[]): Record<string, number | null> {
  return Object.fromEntries(
    kills.flatMap(({ feature, offSeconds, onSeconds, more }) => {
      const name = feature.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
      return [[`${name}OffSeconds`, offSeconds], [`${name}OnSeconds`, onSeconds], ...Object.entries(more)];
    }),
  );
}
