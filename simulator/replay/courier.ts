import type { Step } from '../../domain/delivery/status';
import type { Point } from '../../domain/geo/places';
import type { DriverEvent, DriverSocket } from '../client/driverSocket';
import type { DriverClient, OfferView } from '../client/service';
import type { Ledger } from '../people/ledger';
import { pause, waitUntil } from '../kit/pause';
import type { DrawnAnswer } from './answers';
import type { DayCourier, DayOrder, DayRules, Place } from './day';
import type { Lag } from './lag';
import { planMinute } from './plan';
import { type CourierState, type DayClock, type JobTimes, jobTimes } from './timing';

export type CourierDeps = {
  driverId: string;
  client: DriverClient;
  socket: DriverSocket;
  /** The day's clock. It starts with the first shift. */
  clock: () => DayClock;
  rules: DayRules;
  /**
   * The order of this delivery, and its restaurant. Waits if the answer to the order has not arrived yet.
   */
  jobOf: (deliveryId: string) => Promise<{ order: DayOrder; restaurant: Place }>;
  pointOf: (place: Place) => Point;
  placeEveryMs: number;
  /** The answer to the next offer. */
  nextAnswer: () => DrawnAnswer;
  lag: Lag;
  ledger: Ledger;
  log: (line: string) => void;
};

/** One carried order, timed by the day's rules from the minute of its assignment. */
export type Carried = { orderId: string; deliveryId: string; assignedMinute: number; times: JobTimes };

/**
 * Margin between this process's clock reading and the assignment, in minutes of the day. A courier rejects an
 * offer that might be too late.
 */
const ANSWER_MINUTES = 0.5;

/**
 * A courier of the day. The courier answers offers as drawn, refuses a pickup after the shift, and rides by the day's
 * rules.
 */
export class Courier {
  readonly carried: Carried[] = [];
  /** Offers rejected, because the pickup would fall after the shift or as drawn, and offers left without an answer. */
  refused = 0;
  lapsed = 0;
  /** Place and time at which the next job can begin, after the one in hand. */
  private next: CourierState;
  private place: Place;
  private job: { deliveryId: string; done: Promise<void>; stop: AbortController } | null = null;
  private readonly seen = new Set<string>();
  private isDone = false;

  constructor(
    private readonly deps: CourierDeps,
    private readonly courier: DayCourier,
  ) {
    this.place = courier;
    this.next = { x: courier.x, y: courier.y, freeMinute: courier.onMinute };
  }

  /** The shift is over and nothing is in hand, so no more work comes. */
  get isHome(): boolean {
    return this.isDone;
  }

  /** Works the whole shift, and finishes the job in hand at its end. */
  async work(signal: AbortSignal): Promise<void> {
    const { clock, client, socket, rules } = this.deps;
    if (!(await waitUntil(clock().instantOf(this.courier.onMinute), signal))) return;
    await this.sendPlace(this.place);
    // The service requires arrival at the pickup before the shift ends. The day requires the pickup itself by
    // then.
    const lastArrivalMinute = this.courier.offMinute - rules.pickupServiceMinutes / 2;
    const started = await client.startShift(clock().instantOf(lastArrivalMinute));
    if (!started.ok)
      this.deps.log(`courier ${this.courier.id} cannot start: ${started.code} ${started.detail}`);
    socket.listen((event) => this.handleEvent(event, signal));
    const off = new AbortController();
    const showing = this.keepShowingPlace(AbortSignal.any([signal, off.signal]));
    await waitUntil(clock().instantOf(this.courier.offMinute), signal);
    if (this.job) await this.job.done;
    else if (!signal.aborted) await client.endShift();
    off.abort();
    await showing;
    socket.close();
    this.isDone = true;
  }

  private handleEvent(event: DriverEvent, signal: AbortSignal): void {
    switch (event.kind) {
      case 'offered':
        return this.inBackground(this.answer(event.offer, signal));
      case 'state':
        return event.offers.forEach((offer) => this.inBackground(this.answer(offer, signal)));
      case 'released':
        return this.job?.deliveryId === event.deliveryId ? this.job.stop.abort() : undefined;
      case 'assigned':
      case 'offerOver':
        return;
    }
  }

  private async answer({ offerId, deliveryId }: OfferView, signal: AbortSignal): Promise<void> {
    if (this.seen.has(offerId)) return;
    this.seen.add(offerId);
    const { client, clock, socket, ledger, driverId } = this.deps;
    socket.offerSeen(offerId);
    const { order, restaurant } = await this.deps.jobOf(deliveryId);
    const { what, afterMinutes } = this.deps.nextAnswer();
    if (what === 'lapse') {
      this.lapsed += 1;
      return;
    }
    const answersAt = clock().instantOf(clock().minuteOf(Date.now()) + afterMinutes);
    if (afterMinutes > 0 && !(await waitUntil(answersAt, signal))) return;
    const isInTime = this.isInTime(order, restaurant, clock().minuteOf(Date.now()) + ANSWER_MINUTES);
    if (what === 'refuse' || !isInTime) {
      this.refused += 1;
      const answer = await client.reject(offerId, 'OTHER');
      return answer.ok ? ledger.add({ kind: 'rejected', deliveryId, offerId, driverId }) : undefined;
    }
    const answer = await client.accept(offerId);
    if (!answer.ok)
      return this.deps.log(`courier ${this.courier.id}: the offer of ${order.id} was ${answer.code}`);
    ledger.add({ kind: 'accepted', deliveryId, offerId, driverId, assignmentId: answer.assignmentId });
    this.begin(deliveryId, order, restaurant, planMinute(clock().minuteOf(answer.at)), signal);
  }

  private isInTime(order: DayOrder, restaurant: Place, minute: number): boolean {
    return jobTimes(this.next, order, restaurant, minute, this.deps.rules).pick <= this.courier.offMinute;
  }

  private begin(
    deliveryId: string,
    order: DayOrder,
    restaurant: Place,
    assignedMinute: number,
    signal: AbortSignal,
  ): void {
    const times = jobTimes(this.next, order, restaurant, assignedMinute, this.deps.rules);
    if (times.pick > this.courier.offMinute)
      this.deps.log(
        `courier ${this.courier.id}: ${order.id} is picked up at ${times.pick}, after the shift: ` +
          'it was assigned later than expected',
      );
    const carried = { orderId: order.id, deliveryId, assignedMinute, times };
    this.carried.push(carried);
    this.next = { x: order.x, y: order.y, freeMinute: times.free };
    const stop = new AbortController();
    const done = this.carry(carried, order, restaurant, AbortSignal.any([signal, stop.signal])).finally(
      () => {
        // The last step frees the courier, and the next job may begin before its answer arrives.
        if (this.job?.deliveryId === deliveryId) this.job = null;
      },
    );
    this.job = { deliveryId, done, stop };
    this.inBackground(done);
  }

  private async carry(
    { deliveryId, times }: Carried,
    order: DayOrder,
    restaurant: Place,
    signal: AbortSignal,
  ): Promise<void> {
    const arrived = await this.stepAt(times.arrive, deliveryId, 'arriveAtPickup', restaurant, signal);
    const isOut =
      arrived &&
      (await this.stepAt(times.pick, deliveryId, 'pickUp', restaurant, signal)) &&
      (await this.stepAt(times.atDoor, deliveryId, 'arriveAtDropoff', order, signal));
    if (!isOut || !(await waitUntil(this.deps.clock().instantOf(times.free), signal))) return;
    // Ends the shift before the last step, so no more offers come.
    if (times.free >= this.courier.offMinute) await this.deps.client.endShift();
    await this.stepAt(times.free, deliveryId, 'deliver', order, signal);
  }

  private async stepAt(
    minute: number,
    deliveryId: string,
    step: Step,
    place: Place,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { clock, client, ledger, lag, driverId, log } = this.deps;
    const dueAt = clock().instantOf(minute);
    if (!(await waitUntil(dueAt, signal))) return false;
    this.place = place;
    // The next search must know the place where the courier becomes free.
    if (step === 'deliver') await this.sendPlace(place);
    const answer = await client.step(deliveryId, step, Date.now());
    lag.add('step', dueAt, Date.now());
    if (!answer.ok) log(`courier ${this.courier.id}: ${step} was refused: ${answer.code}`);
    else ledger.add({ kind: 'step', deliveryId, driverId, step });
    return answer.ok;
  }

  private async keepShowingPlace(signal: AbortSignal): Promise<void> {
    while (await pause(this.deps.placeEveryMs, signal))
      await this.sendPlace(this.place).catch((error: unknown) => this.deps.log(String(error)));
  }

  private async sendPlace(place: Place): Promise<void> {
    const answer = await this.deps.client.sendPositions([
      { point: this.deps.pointOf(place), at: Date.now() },
    ]);
    if (!answer.ok)
      this.deps.log(`courier ${this.courier.id}: a place was refused: ${answer.code} ${answer.detail}`);
  }

  private inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => this.deps.log(`courier ${this.courier.id}: ${String(error)}`));
  }
}
