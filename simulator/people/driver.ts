import type { Step } from '../../domain/delivery/status';
import { REJECT_REASONS } from '../../domain/delivery/offer';
import type { Point } from '../../domain/geo/places';
import type { VehicleKind } from '../../domain/driver/vehicles';
import type { DriverEvent, DriverSocket } from '../client/driverSocket';
import type { Latencies } from '../client/latencies';
import type { DeliveryView, DriverClient, Position, OfferView, Outcome } from '../client/service';
import { ServiceUnavailableError } from '@driver-service/api-client';
import type { Ledger, OfferObservation } from './ledger';
import { headingOf, METERS_PER_SECOND, placeOn, type Ride, rideOf, straightSpeed } from './movement';
import { pause, waitUntil } from '../kit/pause';
import type { Random } from '../kit/random';

/**
 * Probabilities (0..1) of a driver's answers and faults. A driver ignores an offer with the rest of `accept`
 * and `reject`.
 */
export type Odds = { accept: number; reject: number; breakAfterJob: number; failAtDoor: number };

/** Of 100 offers, drivers accept 80 and reject 12. The other 8 expire. */
export const DEMO_ODDS: Odds = { accept: 0.8, reject: 0.12, breakAfterJob: 0.1, failAtDoor: 0.02 };

/**
 * `thinkMs`: time to read an offer. `speed`: riding, waiting and resting are this many times faster than in
 * real life; the service's own timers stay as they are. `clockOffMs`: the device clock is ahead of ours by
 * this, or behind if negative. `answer`: decides the answer to an offer, in place of the odds. `vanishing`:
 * decides whether the driver vanishes after an accept; left out: never.
 */
export type DriverBehaviour = {
  odds: Odds;
  vehicle: VehicleKind;
  isV1: boolean;
  home: Point;
  speed: number;
  thinkMs: { min: number; max: number };
  rhythm?: Rhythm;
  clockOffMs?: number;
  answer?: () => OfferAnswer;
  vanishing?: { afterAccept: () => AfterAccept; awayMs: { min: number; max: number } };
};

export type OfferAnswer = 'accept' | 'reject' | 'ignore';

/**
 * What the driver does after an accept: goes on, goes silent for a while before the pickup, or goes silent
 * for a while after it.
 */
export type AfterAccept = 'goesOn' | 'vanishes' | 'vanishesWithGoods';

/**
 * The app's intervals, in ms. While riding, the app records a position every second and sends `batch` of them
 * at a time. While idle, it sends one every `idleMs`. It polls the state every `pollMs`.
 */
export type Rhythm = { batch: number; idleMs: number; pollMs: number };

export type DriverDeps = {
  driverId: string;
  client: DriverClient;
  socket: DriverSocket;
  random: Random;
  ledger: Ledger;
  latencies: Latencies;
  offerArrivals: OfferArrivals;
  log: (line: string) => void;
  offerObservations?: OfferObservation[];
};

/** When each offer reached its driver's socket, epoch ms by offer id. */
export type OfferArrivals = Map<string, number>;

/** Counts of a driver's actions, for the figures. `unanswered`: accepts that the service never answered. */
export type DriverCounts = {
  offers: number;
  accepted: number;
  unanswered: number;
  rejected: number;
  ignored: number;
  refusedLate: number;
  delivered: number;
  returned: number;
  breaks: number;
  foundByPolling: number;
  vanishedBeforePickup: number;
  vanishedWithGoods: number;
  gaveUp: number;
};

/** Real-life times at a shop and at a door. */
export const HANDOVER_SECONDS = 90;
const FIX_EVERY_MS = 1_000;
/** How often a delivery that is not next asks whether it is. */
const TURN_EVERY_MS = 100;
/** Events are delivered at most once, so the app also polls. */
const DEMO_RHYTHM: Rhythm = { batch: 3, idleMs: 10_000, pollMs: 15_000 };
const BREAK_MINUTES = 5;

/** One driver with a phone. It uses only the real clients of the API and the sockets. */
export class SimulatedDriver {
  readonly counts: DriverCounts = {
    offers: 0,
    accepted: 0,
    unanswered: 0,
    rejected: 0,
    ignored: 0,
    refusedLate: 0,
    delivered: 0,
    returned: 0,
    breaks: 0,
    foundByPolling: 0,
    vanishedBeforePickup: 0,
    vanishedWithGoods: 0,
    gaveUp: 0,
  };
  private place: Point;
  private ride: Ride | null = null;
  private readonly seenOffers = new Set<string>();
  private readonly liveOffers = new Set<string>();
  /** Deliveries in hand, each with the controller that aborts its work. */
  private readonly jobs = new Map<string, { stop: AbortController; done: Promise<void> }>();
  /** Deliveries that this driver picked up at the shop. Other drivers hand over the rest. */
  private readonly fetched = new Set<string>();
  /** The driver vanishes with the goods of this delivery. */
  private vanishesWith: string | null = null;
  private toPickup: string | null = null;
  /** The delivery that the driver does something for. */
  private acting: string | null = null;
  private isAway = false;
  private isOnBreak = false;
  private isAtHome = false;
  private day = new AbortController().signal;
  private readonly rhythm: Rhythm;

  constructor(
    private readonly deps: DriverDeps,
    private readonly behaviour: DriverBehaviour,
  ) {
    this.place = behaviour.home;
    this.rhythm = behaviour.rhythm ?? DEMO_RHYTHM;
  }

  /** Drops ended offers and deliveries. No further events come for them. */
  forget(): void {
    for (const offerId of this.seenOffers) if (!this.liveOffers.has(offerId)) this.seenOffers.delete(offerId);
    for (const deliveryId of this.fetched) if (!this.jobs.has(deliveryId)) this.fetched.delete(deliveryId);
  }

  get driverId(): string {
    return this.deps.driverId;
  }

  get isV1(): boolean {
    return this.behaviour.isV1;
  }

  get isCarrying(): boolean {
    return this.jobs.size > 0;
  }

  /** Whether a delivery in hand still needs its pickup. */
  get hasToFetch(): boolean {
    return [...this.jobs.keys()].some((deliveryId) => !this.fetched.has(deliveryId));
  }

  /** On duty: not away, not at home and not on a break. */
  get isOnDuty(): boolean {
    return !this.isAway && !this.isOnBreak && !this.isAtHome;
  }

  /** On duty, without a delivery in hand and without a live offer. */
  get isFree(): boolean {
    return this.isOnDuty && this.jobs.size === 0 && this.liveOffers.size === 0;
  }

  /** The delivery whose pickup the driver is riding to; null: none. */
  get onTheWayTo(): string | null {
    return this.isAway ? null : this.toPickup;
  }

  /**
   * Works until the signal, and finishes nothing after it. A later driver with the same id continues the
   * deliveries in hand.
   */
  async work(signal: AbortSignal): Promise<void> {
    this.day = signal;
    await this.comeOnDuty();
    await Promise.all([this.sendPositions(signal), this.pollView(signal)]);
    await Promise.allSettled([...this.jobs.values()].map(({ done }) => done));
    this.deps.socket.close();
  }

  private async comeOnDuty(): Promise<void> {
    await this.startShift();
    this.deps.socket.listen((event) => this.handleEvent(event, this.day));
  }

  private async startShift(): Promise<boolean> {
    const { client, log, driverId } = this.deps;
    await client.sendPositions([{ point: this.place, at: this.deviceTime() }]);
    const started = await client.startShift(null);
    if (!started.ok) log(`driver ${driverId} cannot start: ${started.code}`);
    return started.ok;
  }

  // ---- actions requested by the roster or a test ----

  /** Asks for a break until `endBreak`. @returns false if the service refuses it */
  async takeBreak(): Promise<boolean> {
    this.isOnBreak = (await this.deps.client.startBreak(BREAK_MINUTES)).ok;
    return this.isOnBreak;
  }

  /** Ends the break. If the service has ended it already, the driver starts the shift again. */
  async endBreak(): Promise<void> {
    const { client } = this.deps;
    if (!(await client.endBreak()).ok) await client.startShift(null);
    this.isOnBreak = false;
  }

  /**
   * Goes off duty for this time and comes back, even with deliveries in hand.
   * @returns false if the service refuses it
   */
  async goOffDuty(forMs: number): Promise<boolean> {
    this.isOnBreak = true;
    const { ok } = await this.deps.client.goOffline();
    if (ok) await pause(forMs, this.day);
    this.isOnBreak = false;
    if (ok && !this.day.aborted) await this.deps.client.startShift(null);
    return ok;
  }

  /**
   * Ends the shift and stays silent until `comeBack`. The driver delivers the goods in hand first.
   * @returns false if the service refuses it
   */
  async goHome(): Promise<boolean> {
    this.isAtHome = (await this.deps.client.endShift()).ok;
    if (this.isAtHome) this.isOnBreak = false; // the end of a shift ends its break
    return this.isAtHome;
  }

  /** Starts a new shift. @returns false if the service refuses it */
  async comeBack(): Promise<boolean> {
    this.isAtHome = !(await this.startShift());
    return !this.isAtHome;
  }

  /**
   * Gives up a delivery in hand, and stays on duty.
   * @returns true if the service released the driver; false if it refused, or if the driver has the goods and
   *   ops must decide
   */
  async giveUp(deliveryId: string): Promise<boolean> {
    const { client, ledger, driverId } = this.deps;
    this.jobs.get(deliveryId)?.stop.abort();
    const answer = await client.leave(deliveryId, 'TOO_FAR');
    if (!answer.ok || !answer.isReleased) return false;
    ledger.add({ kind: 'gaveUp', deliveryId, driverId });
    this.counts.gaveUp += 1;
    return true;
  }

  // ---- events ----

  private handleEvent(event: DriverEvent, signal: AbortSignal): void {
    switch (event.kind) {
      case 'offered':
        return this.inBackground(this.consider(event.offer, signal));
      case 'offerOver':
        this.recordOfferState(event.offerId, 'over', Date.now());
        return void this.liveOffers.delete(event.offerId);
      case 'assigned':
        return this.takeJob(event.deliveryId, signal);
      case 'released':
        return this.jobs.get(event.deliveryId)?.stop.abort();
      case 'state':
        for (const offer of event.offers) this.inBackground(this.consider(offer, signal));
        for (const deliveryId of event.deliveryIds) this.takeJob(deliveryId, signal);
        return;
    }
  }

  private async pollView(signal: AbortSignal): Promise<void> {
    while (await pause(this.rhythm.pollMs, signal)) {
      if (this.isAway) continue;
      const askedAt = Date.now();
      const view = await this.unlessAway(this.deps.client.view(), signal);
      if (!view?.ok || this.isGone()) continue;
      for (const { offerId } of view.offers) this.recordOfferState(offerId, 'live', askedAt);
      const isAskedBack = view.wasLost === true || this.behaviour.vanishing !== undefined;
      if (view.availability === 'OFFLINE' && isAskedBack && !this.isOnBreak && !this.isAtHome)
        await this.unlessAway(this.deps.client.startShift(null), signal);
      const missed =
        view.offers.filter(({ offerId }) => !this.seenOffers.has(offerId)).length +
        view.deliveryIds.filter((id) => !this.jobs.has(id)).length;
      this.counts.foundByPolling += missed;
      if (missed > 0)
        this.handleEvent({ kind: 'state', offers: view.offers, deliveryIds: view.deliveryIds }, signal);
    }
  }

  private recordOfferState(offerId: string, state: OfferObservation['state'], at: number): void {
    this.deps.offerObservations?.push({ offerId, deliveryId: null, driverId: this.deps.driverId, state, at });
  }

  // ---- offers ----

  private async consider(offer: OfferView, signal: AbortSignal): Promise<void> {
    const { socket, random, offerArrivals } = this.deps;
    if (this.seenOffers.has(offer.offerId)) return;
    offerArrivals.set(offer.offerId, Date.now());
    this.seenOffers.add(offer.offerId);
    this.liveOffers.add(offer.offerId);
    this.counts.offers += 1;
    socket.offerSeen(offer.offerId);
    if (!(await pause(random.between(this.behaviour.thinkMs.min, this.behaviour.thinkMs.max), signal)))
      return;
    await this.answer(offer, signal);
  }

  private async answer(offer: OfferView, signal: AbortSignal): Promise<void> {
    const draw = this.deps.random.next();
    if (!this.liveOffers.delete(offer.offerId)) return void (this.counts.refusedLate += 1);
    switch (this.behaviour.answer?.() ?? answerBy(this.behaviour.odds, draw)) {
      case 'accept':
        return this.accept(offer, signal);
      case 'reject':
        return this.reject(offer);
      case 'ignore':
        this.counts.ignored += 1;
    }
  }

  private async accept({ offerId, deliveryId }: OfferView, signal: AbortSignal): Promise<void> {
    const { client, ledger, latencies, driverId } = this.deps;
    const askedAt = Date.now();
    const answer = await client.accept(offerId).catch((error: unknown) => {
      this.counts.unanswered += 1;
      throw error;
    });
    latencies.add('accept', Date.now() - askedAt);
    if (!answer.ok) return void (this.counts.refusedLate += 1);
    this.counts.accepted += 1;
    this.recordOfferState(offerId, 'over', Date.now());
    const { assignmentId, deliveries = [{ deliveryId, offerId, assignmentId }] } = answer;
    for (const taken of deliveries) ledger.add({ kind: 'accepted', driverId, ...taken });
    const afterAccept = this.behaviour.vanishing?.afterAccept() ?? 'goesOn';
    if (afterAccept === 'vanishes') return this.vanish('vanishedBeforePickup', deliveryId);
    if (afterAccept === 'vanishesWithGoods') this.vanishesWith = deliveryId;
    for (const taken of deliveries) this.takeJob(taken.deliveryId, signal);
  }

  private async reject({ offerId, deliveryId }: OfferView): Promise<void> {
    const { client, ledger, random, driverId } = this.deps;
    const answer = await client.reject(offerId, random.pick(REJECT_REASONS));
    if (!answer.ok) return void (this.counts.refusedLate += 1);
    this.counts.rejected += 1;
    this.recordOfferState(offerId, 'over', Date.now());
    ledger.add({ kind: 'rejected', deliveryId, offerId, driverId });
  }

  // ---- vanishing ----

  /**
   * Turns the phone off for a while: the driver sends and receives nothing. Then the driver starts a shift
   * again and reads the remaining work.
   */
  private async vanish(how: 'vanishedBeforePickup' | 'vanishedWithGoods', deliveryId: string): Promise<void> {
    const { socket, random, log, driverId } = this.deps;
    const when = how === 'vanishedWithGoods' ? 'with the goods of' : 'having accepted';
    log(`driver ${driverId} vanishes ${when} ${deliveryId}`);
    const { min, max } = this.behaviour.vanishing?.awayMs ?? { min: 0, max: 0 };
    this.counts[how] += 1;
    this.isAway = true;
    this.vanishesWith = null;
    socket.close();
    for (const { stop } of this.jobs.values()) stop.abort();
    this.liveOffers.clear();
    if (!(await pause(random.between(min, max), this.day))) return;
    this.isAway = false;
    await this.comeOnDuty();
  }

  /** A function, because the value changes during each await. */
  private isGone(): boolean {
    return this.isAway;
  }

  // ---- jobs ----

  private takeJob(deliveryId: string, signal: AbortSignal): void {
    if (this.jobs.has(deliveryId) || signal.aborted || this.isAway) return;
    const stop = new AbortController();
    const working = AbortSignal.any([signal, stop.signal]);
    const done = Promise.resolve()
      .then(() => this.carry(deliveryId, working))
      .finally(() => {
        this.jobs.delete(deliveryId);
        if (this.acting !== null && this.acting !== deliveryId) return;
        this.acting = null;
        this.stopRiding();
      });
    this.jobs.set(deliveryId, { stop, done });
    this.inBackground(done);
  }

  /** Carries a delivery from its current state to its end. */
  private async carry(deliveryId: string, signal: AbortSignal): Promise<void> {
    while (!this.isAway) {
      if (!(await this.takeTurn(deliveryId, signal))) return;
      const delivery = await this.deps.client.delivery(deliveryId);
      if (!delivery.ok || delivery.driverId !== this.deps.driverId || this.isGone()) return;
      if (!(await this.nextStep(delivery, signal))) return this.afterJob(signal);
      this.acting = null;
    }
  }

  /** With several deliveries in hand, one at a time has its turn: that of the next stop of the route. */
  private async takeTurn(deliveryId: string, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted && !this.isAway) {
      const isOthers = this.acting !== null && this.acting !== deliveryId;
      if (!isOthers && (this.jobs.size <= 1 || (await this.isNext(deliveryId))) && this.isIdle(deliveryId)) {
        this.acting = deliveryId;
        return true;
      }
      await pause(TURN_EVERY_MS, signal);
    }
    return false;
  }

  /** A function, because the value changes during each await. */
  private isIdle(deliveryId: string): boolean {
    return this.acting === null || this.acting === deliveryId;
  }

  /** By the route that the service gives; without one, in the order of taking. */
  private async isNext(deliveryId: string): Promise<boolean> {
    const view = await this.deps.client.view();
    const route = view.ok ? (view.route ?? []) : [];
    return (route.find((each) => this.jobs.has(each)) ?? [...this.jobs.keys()][0]) === deliveryId;
  }

  /** @returns false if nothing is left to do */
  private async nextStep(delivery: DeliveryView, signal: AbortSignal): Promise<boolean> {
    switch (delivery.status) {
      case 'ASSIGNED':
        return (await this.rideToPickup(delivery, signal)) && this.step(delivery, 'arriveAtPickup');
      case 'AT_PICKUP':
        return (
          (await waitUntil(delivery.readyAt, signal)) &&
          (await this.handOver(signal)) &&
          this.step(delivery, 'pickUp')
        );
      case 'PICKED_UP':
        return (
          (await this.takeOver(delivery, signal)) &&
          (await this.rideTo(delivery.dropoff, signal)) &&
          this.step(delivery, 'arriveAtDropoff')
        );
      case 'AT_DROPOFF':
        return (await this.handOver(signal)) && this.atTheDoor(delivery);
      case 'RETURNING':
        return (await this.rideTo(delivery.pickup, signal)) && this.step(delivery, 'returnGoods');
      case 'PENDING':
      case 'SEARCHING':
      case 'OFFERED':
      case 'DELIVERED':
      case 'CANCELLED':
      case 'FAILED':
      case 'RETURNED':
        return false;
    }
  }

  private async rideToPickup({ deliveryId, pickup }: DeliveryView, signal: AbortSignal): Promise<boolean> {
    this.toPickup = deliveryId;
    const arrived = await this.rideTo(pickup, signal);
    if (this.toPickup === deliveryId) this.toPickup = null;
    return arrived;
  }

  /** Takes the goods over from another driver at the meeting point. */
  private async takeOver(delivery: DeliveryView, signal: AbortSignal): Promise<boolean> {
    if (this.fetched.has(delivery.deliveryId)) return true;
    const view = await this.deps.client.view();
    const meeting = view.ok ? view.handoverPoints?.get(delivery.deliveryId) : undefined;
    if (!meeting) return true;
    return (
      (await this.rideTo(meeting, signal)) && (await this.handOver(signal)) && this.step(delivery, 'pickUp')
    );
  }

  private async atTheDoor(delivery: DeliveryView): Promise<boolean> {
    const { client, ledger, random, driverId } = this.deps;
    if (!random.chance(this.behaviour.odds.failAtDoor)) return this.step(delivery, 'deliver');
    const answer = await client.fail(delivery.deliveryId, 'NOT_AT_HOME', 'RETURN');
    if (answer.ok) ledger.add({ kind: 'failed', deliveryId: delivery.deliveryId, driverId });
    return answer.ok;
  }

  private async step({ deliveryId }: DeliveryView, step: Step): Promise<boolean> {
    const { client, ledger, latencies, driverId } = this.deps;
    const askedAt = Date.now();
    const answer = await client.step(deliveryId, step, this.deviceTime());
    latencies.add('step', Date.now() - askedAt);
    // The delivery was cancelled or reassigned during the ride. Its current state decides the next step.
    if (!answer.ok) return true;
    ledger.add({ kind: 'step', deliveryId, driverId, step });
    if (step === 'pickUp') this.fetched.add(deliveryId);
    if (step === 'pickUp' && this.vanishesWith === deliveryId)
      this.inBackground(this.vanish('vanishedWithGoods', deliveryId));
    if (step === 'deliver') this.counts.delivered += 1;
    if (step === 'returnGoods') this.counts.returned += 1;
    return true;
  }

  /** Takes an occasional break, shorter than requested. The v1 app has no breaks. */
  private async afterJob(signal: AbortSignal): Promise<void> {
    const { client, random } = this.deps;
    if (
      this.isAway ||
      this.behaviour.isV1 ||
      this.jobs.size > 1 ||
      !random.chance(this.behaviour.odds.breakAfterJob)
    )
      return;
    if (!(await client.startBreak(BREAK_MINUTES)).ok) return;
    this.counts.breaks += 1;
    await pause((BREAK_MINUTES * 60_000) / this.behaviour.speed, signal);
    await client.endBreak();
  }

  // ---- moving ----

  private async rideTo(to: Point, signal: AbortSignal): Promise<boolean> {
    const { vehicle, speed } = this.behaviour;
    const ride = rideOf(this.place, to, Date.now(), straightSpeed(vehicle, speed));
    this.ride = ride;
    const arrived = await waitUntil(ride.arrivesAt, signal);
    this.stopRiding();
    return arrived;
  }

  private stopRiding(): void {
    this.place = this.placeNow();
    this.ride = null;
  }

  private placeNow(): Point {
    return this.ride ? placeOn(this.ride, Date.now()) : this.place;
  }

  private handOver(signal: AbortSignal): Promise<boolean> {
    return pause((HANDOVER_SECONDS * 1_000) / this.behaviour.speed, signal);
  }

  private async sendPositions(signal: AbortSignal): Promise<void> {
    let batch: Position[] = [];
    let lastSentAt = 0;
    while (await pause(FIX_EVERY_MS, signal)) {
      if (this.ride) batch.push(this.fix());
      const isDue = this.ride
        ? batch.length >= this.rhythm.batch
        : Date.now() - lastSentAt >= this.rhythm.idleMs;
      if (!isDue || this.isAway || (this.isAtHome && !this.isCarrying)) continue;
      const fixes = batch.length > 0 ? batch : [this.fix()];
      batch = [];
      lastSentAt = Date.now();
      const taken = await this.unlessAway(this.deps.client.sendPositions(fixes), signal);
      if (taken?.ok === false)
        this.deps.log(`driver ${this.deps.driverId}: places were refused: ${taken.code}: ${taken.detail}`);
    }
  }

  /** Reports the real-life speed, since the service rejects implausible speeds. */
  private fix(): Position {
    const { ride } = this;
    const fix = { point: this.placeNow(), at: this.deviceTime() };
    return ride
      ? { ...fix, headingDegrees: headingOf(ride), speedMps: METERS_PER_SECOND[this.behaviour.vehicle] }
      : fix;
  }

  private deviceTime(): number {
    return Date.now() + (this.behaviour.clockOffMs ?? 0);
  }

  // ---- failures of the service ----

  /** Logs failures of background work; they do not stop the driver. */
  private inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => this.deps.log(`driver ${this.deps.driverId}: ${String(error)}`));
  }

  private async unlessAway<T>(
    asking: Promise<Outcome<T>>,
    signal: AbortSignal,
  ): Promise<Outcome<T> | undefined> {
    try {
      return await asking;
    } catch (error) {
      if (!(error instanceof ServiceUnavailableError)) throw error;
      if (!signal.aborted) this.deps.log(`driver ${this.deps.driverId}: ${error.message}`);
      return undefined;
    }
  }
}

function answerBy({ accept, reject }: Odds, draw: number): OfferAnswer {
  if (draw < accept) return 'accept';
  return draw < accept + reject ? 'reject' : 'ignore';
}
