import { distanceMeters, type Point } from '../../domain/geo/places';
import type { CaseReason } from '../../domain/support/supportCase';
import type { CaseView, SupportClient, OpsDeliveryView, OpsDriverView } from '../client/supportClient';
import type { Outcome } from '../client/service';
import type { Ledger } from './ledger';
import { pause } from '../kit/pause';

/** An ops action on a support case. */
export type SupportAct =
  | { kind: 'assign'; driverId: string }
  | { kind: 'handOver'; driverId: string; meeting: Point }
  | { kind: 'raisePay'; bonusCents: number }
  | { kind: 'resumeSearch' }
  | { kind: 'rescue'; driverId: string }
  | { kind: 'returnGoods' }
  | { kind: 'wait' };

/**
 * The input of the decision. `free`: drivers available for manual assignment. `carrierAt`: the last position
 * of the driver with the goods. `now` is in epoch ms.
 */
export type SupportView = {
  open: CaseView;
  delivery: OpsDeliveryView;
  free: readonly FreeDriver[];
  carrierAt: Point | null;
  hasRaised: boolean;
  now: number;
};

export type FreeDriver = { driverId: string; place: Point };

/** The pay raise for a delivery without a driver, in cents. */
export const RAISE_CENTS = 150;
/** A driver with an older position may be gone. The record keeps a position every 10 s. */
const SEEN_WITHIN_MS = 15_000;
/** After this long without a driver for the handover, the goods go back. */
export const RETURN_AFTER_MS = 60_000;

/** The action on a case, by its reason (docs/behaviour.md#escalation, docs/behaviour.md#reassignment). */
export function decideCase(view: SupportView): SupportAct {
  const {
    open: { reason },
    delivery: { carrierId },
  } = view;
  switch (reason) {
    case 'UNASSIGNED':
      return findDriver(view);
    case 'GOODS_IN_HAND':
      return giveToHolder(view);
    case 'REASSIGNMENT_OFF':
    case 'PINNED_DRIVER_LOST':
      return { kind: 'resumeSearch' };
    case 'PINNED_DRIVER_SILENT':
    case 'PINNED_DRIVER_STANDS_STILL':
    case 'DRIVER_AT_PICKUP_SILENT':
      return carrierId === null ? { kind: 'wait' } : { kind: 'rescue', driverId: carrierId };
    case 'CARRIER_OVERDUE':
      return { kind: 'wait' };
    case 'CARRIER_SILENT':
    case 'CARRIER_BROKE_DOWN':
    case 'CARRIER_GAVE_UP':
    case 'CARRIER_SUSPENDED':
      return saveGoods(view);
    case 'WINDOW_AT_RISK':
    case 'DRIVER_SUSPENDED':
    case 'MERCHANT_SUSPENDED':
      return { kind: 'wait' };
  }
}

/** Raises the pay first, and assigns the nearest driver if the raise did not help. */
function findDriver({
  open: { level },
  delivery: { pickup, bonusCents },
  free,
  hasRaised,
}: SupportView): SupportAct {
  if (level < 3)
    return hasRaised ? { kind: 'wait' } : { kind: 'raisePay', bonusCents: bonusCents + RAISE_CENTS };
  const driver = nearest(free, pickup);
  return driver ? { kind: 'assign', driverId: driver.driverId } : { kind: 'wait' };
}

/** Assigns the driver who says that they hold the goods. If they cannot take it, another one is searched for. */
function giveToHolder({ open: { driverId }, delivery: { carrierId }, free }: SupportView): SupportAct {
  if (carrierId !== null) return { kind: 'wait' };
  const holder = free.find((each) => each.driverId === driverId);
  return holder ? { kind: 'assign', driverId: holder.driverId } : { kind: 'resumeSearch' };
}

/** Hands the goods over to another driver at the carrier's last position. */
function saveGoods({
  open: { openedAt },
  delivery: { pickup, carrierId, status },
  free,
  carrierAt,
  now,
}: SupportView): SupportAct {
  const meeting = carrierAt ?? pickup;
  const driver = nearest(
    free.filter(({ driverId }) => driverId !== carrierId),
    meeting,
  );
  if (driver) return { kind: 'handOver', driverId: driver.driverId, meeting };
  return now - openedAt >= RETURN_AFTER_MS && status !== 'RETURNING'
    ? { kind: 'returnGoods' }
    : { kind: 'wait' };
}

function nearest(drivers: readonly FreeDriver[], to: Point): FreeDriver | undefined {
  return [...drivers].sort((a, b) => distanceMeters(a.place, to) - distanceMeters(b.place, to))[0];
}

/** Drivers with room for a delivery and a recent position. */
export function freeDriversOf(drivers: readonly OpsDriverView[], now: number): FreeDriver[] {
  return drivers.flatMap(({ driverId, room, seen }) =>
    room > 0 && seen !== null && now - seen.at <= SEEN_WITHIN_MS ? [{ driverId, place: seen.place }] : [],
  );
}

export type SimulatedOpsDeps = {
  client: SupportClient;
  cityId: string;
  ledger: Ledger;
  log: (line: string) => void;
};

/** An ops agent who works the support queue. It uses only the real client of the API. */
export class SimulatedOps {
  readonly counts = {
    acknowledged: 0,
    assigned: 0,
    handedOver: 0,
    payRaised: 0,
    searchesResumed: 0,
    rescued: 0,
    sentBack: 0,
  };
  private readonly raised = new Set<string>();
  private readonly seen = new Map<string, number>();
  private readonly given = new Set<string>();

  constructor(private readonly deps: SimulatedOpsDeps) {}

  /** When a case with this reason first appeared (epoch ms); undefined: never. */
  caseFirstSeenAt(deliveryId: string, reason: CaseReason): number | undefined {
    return this.seen.get(`${deliveryId}/${reason}`);
  }

  /** Whether ops assigned this delivery by hand. */
  hasAssigned(deliveryId: string): boolean {
    return this.given.has(deliveryId);
  }

  /** Works until the signal comes. */
  async work(everyMs: number, signal: AbortSignal): Promise<void> {
    while (await pause(everyMs, signal)) {
      await this.workOnce().catch(
        (error: unknown) => void (signal.aborted || this.deps.log(`ops: ${String(error)}`)),
      );
    }
  }

  private async workOnce(): Promise<void> {
    const queue = await this.deps.client.unresolved(this.deps.cityId);
    if (!queue.ok) return void this.refused('the queue', queue);
    for (const { deliveryId, reason } of queue.cases)
      if (!this.caseFirstSeenAt(deliveryId, reason)) this.seen.set(`${deliveryId}/${reason}`, Date.now());
    for (const open of queue.cases) await this.workOn(open);
  }

  private async workOn(open: CaseView): Promise<void> {
    const { client, ledger } = this.deps;
    if (open.state === 'OPEN') {
      const taken = await client.acknowledge(open.caseId);
      if (!taken.ok) return void this.refused(`taking on ${open.reason}`, taken);
      ledger.add({ kind: 'opsAction', deliveryId: open.deliveryId, entry: 'case_acknowledged' });
      this.counts.acknowledged += 1;
    }
    const delivery = await client.delivery(open.deliveryId);
    if (!delivery.ok) return void this.refused('reading a delivery', delivery);
    await this.act(
      open,
      decideCase({
        open,
        delivery,
        hasRaised: this.raised.has(open.deliveryId),
        now: Date.now(),
        ...(await this.readContext(open, delivery)),
      }),
    );
  }

  private async readContext(
    { reason }: CaseView,
    { carrierId }: OpsDeliveryView,
  ): Promise<Pick<SupportView, 'free' | 'carrierAt'>> {
    const carrier =
      carrierId !== null && reason.startsWith('CARRIER') ? await this.deps.client.driver(carrierId) : null;
    return {
      free: await this.readFreeDrivers(),
      carrierAt: carrier?.ok ? (carrier.seen?.place ?? null) : null,
    };
  }

  private async readFreeDrivers(): Promise<FreeDriver[]> {
    const answer = await this.deps.client.availableDrivers(this.deps.cityId);
    return answer.ok ? freeDriversOf(answer.drivers, Date.now()) : [];
  }

  private async act({ deliveryId, reason }: CaseView, act: SupportAct): Promise<void> {
    const { client } = this.deps;
    switch (act.kind) {
      case 'wait':
        return;
      case 'assign':
        return void (await this.assign(deliveryId, act.driverId, `nobody was found: ${reason}`));
      case 'handOver':
        return this.recordAssignment(
          'handedOver',
          deliveryId,
          await client.handOver(deliveryId, act, reason),
        );
      case 'raisePay':
        if (
          this.noted(
            'raising pay',
            deliveryId,
            'pay_raised',
            await client.raisePay(deliveryId, act.bonusCents, reason),
          )
        )
          this.counts.payRaised += 1;
        return void this.raised.add(deliveryId);
      case 'resumeSearch':
        if (
          this.noted(
            'resuming a search',
            deliveryId,
            'search_resumed',
            await client.resumeSearch(deliveryId, reason),
          )
        )
          this.counts.searchesResumed += 1;
        return;
      case 'rescue':
        return this.counted('rescued', await client.rescue(act.driverId, reason));
      case 'returnGoods':
        return this.counted('sentBack', await client.fail(deliveryId, 'OTHER', 'RETURN'));
    }
  }

  /** Assigns a delivery to a driver. @returns whether it succeeded */
  async assign(deliveryId: string, driverId: string, why: string): Promise<boolean> {
    const answer = await this.deps.client.assign(deliveryId, driverId, why);
    this.recordAssignment('assigned', deliveryId, answer);
    return answer.ok;
  }

  /** Assigns a delivery to the driver nearest to its pickup. @returns whether it succeeded */
  async assignNearest(deliveryId: string, why: string): Promise<boolean> {
    const delivery = await this.deps.client.delivery(deliveryId);
    const driver = delivery.ok ? nearest(await this.readFreeDrivers(), delivery.pickup) : undefined;
    return driver !== undefined && this.assign(deliveryId, driver.driverId, why);
  }

  private recordAssignment(
    what: 'assigned' | 'handedOver',
    deliveryId: string,
    answer: Outcome<{ assignmentId: string; driverId: string }>,
  ): void {
    if (!answer.ok) return this.refused(what, answer);
    this.deps.ledger.add({
      kind: 'manualAssignment',
      deliveryId,
      driverId: answer.driverId,
      assignmentId: answer.assignmentId,
    });
    this.deps.log(
      `ops: delivery ${deliveryId} is ${what === 'assigned' ? 'given' : 'handed over'} to driver ${answer.driverId}`,
    );
    this.given.add(deliveryId);
    this.counts[what] += 1;
  }

  private noted(
    what: string,
    deliveryId: string,
    entry: 'pay_raised' | 'search_resumed',
    answer: Outcome<object>,
  ): boolean {
    if (answer.ok) this.deps.ledger.add({ kind: 'opsAction', deliveryId, entry });
    else this.refused(what, answer);
    return answer.ok;
  }

  private counted(what: 'rescued' | 'sentBack', answer: Outcome<object>): void {
    if (answer.ok) this.counts[what] += 1;
    else this.refused(what, answer);
  }

  /** The case changed in the meantime. The next poll shows what is left to do. */
  private refused(what: string, { code, detail }: Extract<Outcome<object>, { ok: false }>): void {
    this.deps.log(`ops: ${what} was refused: ${code}: ${detail}`);
  }
}
