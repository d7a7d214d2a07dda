import { type AvailabilityDecision, type AvailabilityLimits, type AvailabilityRequest, decideAvailability, type DriverFacts, takesWork } from './availability';
import { type Actor, canMove, type DeliveryStatus, isClosed, type ReasonCode, type Step, STEPS } from './delivery';
import { startClock, stopClock } from './escalation';
import { driverRoom, type Emit, merchantRoom, type Message, opsRoom } from './message';
import { endOffer, type OfferEnd, type OfferFacts, type OfferState } from './offer';
import { type RankingLimits, type SearchLimits } from './ranking';
import {
  type Answer, type AssignmentFacts, type AssignmentState, type AssignmentWay, type Chosen, type Decision, type DeliveryFacts, type Entry,
  type NewAssignment, type NewOffer, type Truth,
} from './truth';

/** Limits of dispatch, from the settings. Durations in ms. */
export type DispatchLimits = {
  search: SearchLimits;
  ranking: RankingLimits;
  availability: AvailabilityLimits;
  /** How long an offer is live where its zone says nothing else. */
  offerTtlMs: number;
  /** How long a search may find nobody; 0 = for ever. */
  searchMaxMs: number;
};

/** When, by whom and within which limits an event happens; one new id for the one offer or assignment that it may make. */
export type Occasion = { now: number; newId: string; actor: Actor; limits: DispatchLimits; availabilityStates: boolean };

/**
 * One decision in the making: the truth as it will be, with the audit entries and messages that belong to it.
 * Each method is one thing that a dispatcher would call one thing; which of them apply is said in dispatch.ts.
 */
export class Draft {
  readonly now: number;
  readonly limits: DispatchLimits;
  private truth: Truth;
  private newOffer: NewOffer | null = null;
  private newAssignment: NewAssignment | null = null;
  private readonly entries: Entry[] = [];
  private readonly emits: Emit[] = [];
  private readonly messages: Message[] = [];

  constructor(private readonly before: Truth, private readonly occasion: Occasion) {
    this.truth = before;
    this.now = occasion.now;
    this.limits = occasion.limits;
  }

  decision(answer: Answer): Decision {
    const emits: Message[] = this.emits.length > 0 ? [{ kind: 'emit', emits: this.emits }] : [];
    return {
      next: this.truth, answer, newOffer: this.newOffer, newAssignment: this.newAssignment,
      entries: this.entries, messages: [...emits, ...this.messages],
    };
  }

  // ---- reading ----------------------------------------------------------------------------------------------------------------

  get delivery(): DeliveryFacts {
    return this.truth.delivery;
  }

  offer(offerId: string): OfferFacts | undefined {
    return this.truth.offers.find((offer) => offer.offerId === offerId);
  }

  /** The delivery's own live offers. */
  liveOffers(): OfferFacts[] {
    return this.truth.offers.filter(({ state, deliveryId }) => state === 'LIVE' && deliveryId === this.delivery.deliveryId);
  }

  /** A driver's live offers, of any delivery. */
  liveOffersOf(driverId: string): OfferFacts[] {
    return this.truth.offers.filter((offer) => offer.state === 'LIVE' && offer.driverId === driverId);
  }

  assignments(): readonly AssignmentFacts[] {
    return this.truth.assignments;
  }

  activeAssignment(): AssignmentFacts | undefined {
    return this.truth.assignments.find(({ state }) => state === 'ACTIVE');
  }

  newestAssignment(): AssignmentFacts | undefined {
    return this.activeAssignment() ?? [...this.truth.assignments].sort((a, b) => b.startedAt - a.startedAt)[0];
  }

  driver(driverId: string): DriverFacts {
    const driver = this.driverOrNone(driverId);
    if (!driver) throw new Error(`driver ${driverId} was not read with the delivery`);
    return driver;
  }

  driverOrNone(driverId: string): DriverFacts | undefined {
    return this.truth.drivers[driverId];
  }

  // ---- the delivery -----------------------------------------------------------------------------------------------------------

  setDelivery(set: Partial<DeliveryFacts>): void {
    this.truth = { ...this.truth, delivery: { ...this.delivery, ...set } };
  }

  /** One legal step of the state machine, with its entry and its news. */
  move(to: DeliveryStatus, { why, deviceAt = null, ...set }: Partial<DeliveryFacts> & { why: string; deviceAt?: number | null }): void {
    const { status: from, driverId: carriedBy } = this.delivery;
    if (!canMove(from, to)) throw new Error(`no move from ${from} to ${to}`);
    this.setDelivery({ ...set, status: to, statusSince: this.now });
    this.entries.push({
      kind: 'delivery_moved', chain: 'delivery', driverId: this.delivery.driverId ?? carriedBy, actor: this.occasion.actor, from, to, why, deviceAt, detail: null,
    });
    this.tellOfDelivery();
  }

  beginSearch(): void {
    this.move('SEARCHING', { why: 'the search begins', searchAgainAt: this.now, searchRound: 0, clock: startClock(this.delivery.clock, this.now) });
  }

  /** The next candidate is asked at once (spec 2); not while others of a broadcast may still accept. */
  searchAgain(why: string): void {
    if (this.liveOffers().length > 0) return;
    this.move('SEARCHING', { why, searchAgainAt: this.now, searchRound: 0 });
  }

  /** The driver is gone before pickup: the search goes on, with clock and exclusions kept (spec 5). */
  loseDriver(why: string): void {
    this.move('SEARCHING', {
      why: `driver lost: ${why}`, driverId: null, pinned: false, assignedAt: null, searchAgainAt: this.now, searchRound: 0,
      clock: startClock(this.delivery.clock, this.now),
    });
  }

  /** Ends the delivery, and whatever is live in it. */
  close(to: DeliveryStatus, reasonCode: ReasonCode | null, why: string, deviceAt: number | null = null): void {
    if (!isClosed(to)) throw new Error(`${to} does not close a delivery`);
    const active = this.activeAssignment();
    for (const offer of this.liveOffers()) this.endOffer(offer, 'WITHDRAWN', 'CANCELLED');
    if (active) this.endAssignment(active, assignmentEndOf(to), why, to === 'CANCELLED' ? 'DELIVERY_CANCELLED' : null);
    this.move(to, { why, deviceAt, reasonCode, closedAt: this.now, searchAgainAt: null, clock: stopClock(this.delivery.clock, this.now) });
  }

  private tellOfDelivery(): void {
    const { deliveryId, sellerOrderId, merchantId, cityId, status, driverId, reasonCode } = this.delivery;
    this.emits.push({
      rooms: [opsRoom(cityId), merchantRoom(merchantId)], event: 'delivery_changed',
      body: { deliveryId, sellerOrderId, status, driverId, reasonCode, at: iso(this.now) },
    });
  }

  // ---- offers -----------------------------------------------------------------------------------------------------------------

  /** Asks one driver, and holds them until the offer ends. */
  makeOffer(chosen: Chosen, ttlMs: number): void {
    const { newId: offerId } = this.occasion;
    const { deliveryId, searchRound: round, payCents, bonusCents, escalationLevel, cityId } = this.delivery;
    const expiresAt = this.now + ttlMs;
    const offer: OfferFacts = {
      offerId, deliveryId, driverId: chosen.driverId, kind: 'SINGLE', state: 'LIVE', round, payCents: payCents + bonusCents, escalationLevel,
      createdAt: this.now, expiresAt, endedAt: null, endReason: null,
    };
    this.truth = { ...this.truth, offers: [...this.truth.offers, offer] };
    this.newOffer = { offerId, kind: 'SINGLE', chosen };
    this.setDriver(chosen.driverId, { liveOffers: this.driver(chosen.driverId).liveOffers + 1 });
    this.note('offer_created', offer);
    this.move('OFFERED', { why: 'offer made', searchAgainAt: null });
    const body = { offerId, deliveryId, driverId: chosen.driverId, expiresAt: iso(expiresAt) };
    this.emits.push({ rooms: [driverRoom(chosen.driverId)], event: 'DELIVERY_OFFERED_V2', body: { ...body, offerPayload: chosen.payload } });
    this.emits.push({ rooms: [opsRoom(cityId)], event: 'offer_created', body });
  }

  /** Ends a live offer and lets its driver go, whichever delivery it belongs to. */
  endOffer(offer: OfferFacts, state: Exclude<OfferState, 'LIVE'>, endReason: OfferEnd): void {
    const ended = endOffer(offer, state, endReason, this.now);
    this.truth = { ...this.truth, offers: this.truth.offers.map((each) => (each.offerId === offer.offerId ? ended : each)) };
    this.setDriver(offer.driverId, { liveOffers: this.driver(offer.driverId).liveOffers - 1 });
    this.note(`offer_${state.toLowerCase()}`, ended);
    this.tellOfOffer(ended);
    if (offer.deliveryId !== this.delivery.deliveryId) this.messages.push({ kind: 'offerWithdrawn', deliveryId: offer.deliveryId, offerId: offer.offerId });
    if (state !== 'ACCEPTED' && endReason !== 'DRIVER_ASSIGNED_BY_HAND') this.freeDriver(offer.driverId);
  }

  private note(kind: string, { offerId, driverId, deliveryId, payCents, expiresAt, endReason, state }: OfferFacts): void {
    this.entries.push({
      kind, chain: 'delivery', driverId, actor: this.occasion.actor, from: state === 'LIVE' ? null : 'LIVE', to: state, why: endReason, deviceAt: null,
      detail: { offerId, payCents, expiresAt: iso(expiresAt), ...(deliveryId === this.delivery.deliveryId ? {} : { ofDelivery: deliveryId }) },
    });
  }

  private tellOfOffer({ offerId, deliveryId, driverId, state, endReason }: OfferFacts): void {
    const body = { offerId, deliveryId, driverId, state, reason: endReason, at: iso(this.now) };
    if (state === 'WITHDRAWN' || state === 'EXPIRED') this.emits.push({ rooms: [driverRoom(driverId)], event: `OFFER_${state}`, body });
    this.emits.push({ rooms: [opsRoom(this.delivery.cityId)], event: `offer_${state.toLowerCase()}`, body });
  }

  // ---- assignments ------------------------------------------------------------------------------------------------------------

  /** Gives the delivery to a driver; the place that an accepted offer held becomes the assignment's. */
  assign(driverId: string, { way, offerId = null, why, reason }: { way: AssignmentWay; offerId?: string | null; why: Record<string, unknown> | null; reason: string }): void {
    const { newId: assignmentId } = this.occasion;
    const { payCents, bonusCents } = this.delivery;
    const pinned = way === 'MANUAL';
    const assignment: AssignmentFacts = {
      assignmentId, driverId, offerId, way, state: 'ACTIVE', pinned, payCents: payCents + bonusCents, startedAt: this.now,
      atPickupAt: null, pickedUpAt: null, atDropoffAt: null, endedAt: null, endReason: null,
    };
    this.truth = { ...this.truth, assignments: [...this.truth.assignments, assignment] };
    this.newAssignment = { assignmentId, why };
    this.setDriver(driverId, { activeAssignments: this.driver(driverId).activeAssignments + 1 });
    this.changeAvailability(driverId, { kind: 'workBegins', origin: way === 'MANUAL' ? 'BY_HAND_OVERRIDE' : way === 'OFFER' ? 'OFFER' : 'DIRECT' });
    const set = { driverId, pinned, assignedAt: this.now, searchAgainAt: null, searchRound: 0, clock: stopClock(this.delivery.clock, this.now), why: reason };
    if (this.delivery.status === 'ASSIGNED') this.reassign(set);
    else this.move('ASSIGNED', set);
    this.tellOfAssignment(assignment);
  }

  /** From one driver to another by hand: the state stays, the driver changes. */
  private reassign({ why, ...set }: Partial<DeliveryFacts> & { why: string }): void {
    this.setDelivery({ ...set, statusSince: this.now });
    this.entries.push({
      kind: 'delivery_reassigned', chain: 'delivery', driverId: this.delivery.driverId, actor: this.occasion.actor,
      from: 'ASSIGNED', to: 'ASSIGNED', why, deviceAt: null, detail: null,
    });
    this.tellOfDelivery();
  }

  private tellOfAssignment({ assignmentId, driverId, way }: AssignmentFacts): void {
    const { deliveryId } = this.delivery;
    // The body of v1, which old apps read; newer ones find the rest under /v2/me.
    this.emits.push({ rooms: [driverRoom(driverId)], event: 'DELIVERY_ASSIGNED', body: { deliveryId, driverId } });
    this.emits.push({ rooms: [driverRoom(driverId)], event: 'DELIVERY_ASSIGNED_V2', body: { deliveryId, driverId, assignmentId, way, at: iso(this.now) } });
  }

  /** Ends an assignment and lets its driver go on to what waits for them. */
  endAssignment(assignment: AssignmentFacts, state: Exclude<AssignmentState, 'ACTIVE'>, why: string, event: 'DELIVERY_CANCELLED' | 'DELIVERY_UNASSIGNED' | null): void {
    const ended: AssignmentFacts = { ...assignment, state, endedAt: this.now, endReason: why };
    this.putAssignment(ended);
    const { driverId } = assignment;
    this.setDriver(driverId, { activeAssignments: this.driver(driverId).activeAssignments - 1 });
    if (!this.changeAvailability(driverId, { kind: 'workEnds' })) this.freeDriver(driverId);
    if (event) this.emits.push({ rooms: [driverRoom(driverId)], event, body: { deliveryId: this.delivery.deliveryId, driverId, reason: why, at: iso(this.now) } });
  }

  private putAssignment(assignment: AssignmentFacts): void {
    const { assignmentId } = assignment;
    this.truth = { ...this.truth, assignments: this.truth.assignments.map((each) => (each.assignmentId === assignmentId ? assignment : each)) };
  }

  /** One of the carrier's steps; the last one closes the delivery. */
  takeStep(assignment: AssignmentFacts, name: Step, deviceAt: number | null): void {
    const { to } = STEPS[name];
    if (isClosed(to)) return this.close(to, this.delivery.reasonCode, name, deviceAt);
    const { now } = this;
    if (name === 'arriveAtPickup') this.putAssignment({ ...assignment, atPickupAt: now });
    if (name === 'pickUp') this.putAssignment({ ...assignment, pickedUpAt: now });
    if (name === 'arriveAtDropoff') this.putAssignment({ ...assignment, atDropoffAt: now });
    this.move(to, { why: name, deviceAt, ...(name === 'pickUp' ? { pickedUpAt: now } : {}) });
  }

  // ---- drivers ----------------------------------------------------------------------------------------------------------------

  private setDriver(driverId: string, set: Partial<DriverFacts>): void {
    const drivers = { ...this.truth.drivers, [driverId]: { ...this.driver(driverId), ...set } };
    this.truth = { ...this.truth, drivers };
  }

  /** @returns whether the driver's availability, or what is pending of it, changed */
  private changeAvailability(driverId: string, request: AvailabilityRequest): boolean {
    const { availabilityStates, actor } = this.occasion;
    const decision: AvailabilityDecision = decideAvailability(this.driver(driverId), request, this.limits.availability, { availabilityStates }, this.now);
    if (decision.kind === 'refused') throw new Error(`driver ${driverId}: ${decision.code}: ${decision.detail}`);
    if (decision.kind === 'unchanged') return false;
    const { next, from, to, why, timer, wakes } = decision;
    this.setDriver(driverId, next);
    this.entries.push({
      kind: 'availability_changed', chain: 'driver', driverId, actor, from, to, why, deviceAt: null, detail: { deliveryId: this.delivery.deliveryId },
    });
    const body = { driverId, availability: to, until: next.availabilityUntil === null ? null : iso(next.availabilityUntil), reason: why, at: iso(this.now) };
    this.emits.push({ rooms: [driverRoom(driverId), opsRoom(next.cityId)], event: 'AVAILABILITY_CHANGED', body });
    this.messages.push({ kind: 'syncDriver', driverId });
    if (timer) this.messages.push({ kind: 'endAvailabilityLater', driverId, ...timer });
    if (wakes) this.freeDriver(driverId);
    return true;
  }

  /** This delivery was woken for a driver whom it does not take: the next one shall have the chance. */
  passOn({ driverId, passed }: { driverId: string; passed: readonly string[] }): void {
    this.messages.push({ kind: 'driverFree', driverId, passed: [...new Set([...passed, this.delivery.deliveryId])] });
  }

  /** A driver who has room again may be what another delivery waits for. */
  private freeDriver(driverId: string): void {
    if (takesWork(this.driver(driverId))) this.messages.push({ kind: 'driverFree', driverId, passed: [this.delivery.deliveryId] });
  }
}

function assignmentEndOf(to: DeliveryStatus): Exclude<AssignmentState, 'ACTIVE'> {
  if (to === 'CANCELLED') return 'CANCELLED';
  return to === 'FAILED' ? 'FAILED' : 'COMPLETED';
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
