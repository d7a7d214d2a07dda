import {
  type AvailabilityDecision,
  type AvailabilityLimits,
  type AvailabilityRequest,
  decideAvailability,
  type DriverFacts,
  takesWork,
} from '../driver/availability';
import { caseEmit, caseEntry, deliveryNotice, resolvedCase, tellPagerItIsOver } from '../support/caseNews';
import {
  type Actor,
  canMove,
  type DeliveryStatus,
  isClosed,
  type ReasonCode,
  type Step,
  STEPS,
} from './status';
import {
  dueEscalation,
  effectsOf,
  type EscalationEffect,
  type EscalationLimits,
  limitsIn,
  startClock,
  stateAfter,
  stopClock,
  unassignedMs,
} from './escalation';
import { driverRoom, type Emit, merchantRoom, type Message, opsRoom, trackingRoom } from '../notices/message';
import { type NoticeSeverity } from '../notices/notice';
import { endOffer, type OfferEnd, type OfferFacts, type OfferKind, type OfferState } from './offer';
import { type RankingLimits, type SearchLimits } from '../matching/ranking';
import {
  type CaseFacts,
  type CaseReason,
  type CaseResolution,
  type HeldReason,
  isAboutCarrier,
  risenCase,
} from '../support/supportCase';
import {
  type Answer,
  type AssignmentFacts,
  type AssignmentState,
  type AssignmentWay,
  type Chosen,
  type Decision,
  type DeliveryFacts,
  type Entry,
  type Meeting,
  type NewAssignment,
  type NewOffer,
  type DeliveryState,
} from './deliveryState';

/** Limits of dispatch, from the settings. Durations in ms. */
export type DispatchLimits = {
  search: SearchLimits;
  ranking: RankingLimits;
  availability: AvailabilityLimits;
  /** How long an offer is live where its zone says nothing else. */
  offerTtlMs: number;
  /** How long a search may find nobody; 0 = for ever. */
  searchMaxMs: number;
  escalation: EscalationLimits;
  /** After so many lapses in a row a driver is paused for so long; 0 lapses = never (ADR 13). */
  lapsePause: { afterLapses: number; pauseMs: number };
  /** Whether drivers can be reached by web push while their app is closed. */
  pushesOffers: boolean;
};

/**
 * Which features hold for this delivery at this moment, and, by driver, whether the states of v2 do (spec 7).
 */
export type DispatchFeatures = {
  availabilityStates: (driverId: string) => boolean;
  escalation: boolean;
  autoReassignment: boolean;
};

/** When, by whom and within which limits an event happens; and where the ids of what it makes come from. */
export type DecisionContext = {
  now: number;
  newId: () => string;
  actor: Actor;
  limits: DispatchLimits;
  features: DispatchFeatures;
};

/**
 * One decision in the making: the truth as it will be, with the audit entries and messages that belong to it.
 * Each method is one thing that a dispatcher would call one thing; which of them apply is said in
 * dispatch.ts.
 */
export class ChangeSet {
  readonly now: number;
  readonly limits: DispatchLimits;
  private state: DeliveryState;
  private readonly newOffers: NewOffer[] = [];
  private newAssignment: NewAssignment | null = null;
  private readonly entries: Entry[] = [];
  private readonly emits: Emit[] = [];
  private readonly messages: Message[] = [];

  constructor(
    private readonly before: DeliveryState,
    private readonly context: DecisionContext,
  ) {
    this.state = before;
    this.now = context.now;
    this.limits = context.limits;
  }

  decision(answer: Answer): Decision {
    const emits: Message[] = this.emits.length > 0 ? [{ kind: 'emit', emits: this.emits }] : [];
    return {
      next: this.state,
      answer,
      newOffers: this.newOffers,
      newAssignment: this.newAssignment,
      entries: this.entries,
      messages: [...emits, ...this.messages],
    };
  }

  // ---- reading ----

  get delivery(): DeliveryFacts {
    return this.state.delivery;
  }

  offer(offerId: string): OfferFacts | undefined {
    return this.state.offers.find((offer) => offer.offerId === offerId);
  }

  /** The delivery's own live offers. */
  liveOffers(): OfferFacts[] {
    return this.state.offers.filter(
      ({ state, deliveryId }) => state === 'LIVE' && deliveryId === this.delivery.deliveryId,
    );
  }

  /** A driver's live offers, of any delivery. */
  liveOffersOf(driverId: string): OfferFacts[] {
    return this.state.offers.filter((offer) => offer.state === 'LIVE' && offer.driverId === driverId);
  }

  get supportCase(): CaseFacts | null {
    return this.state.supportCase;
  }

  /** Whether automation may look for another driver where one was lost. */
  get reassigns(): boolean {
    return this.features.autoReassignment;
  }

  assignments(): readonly AssignmentFacts[] {
    return this.state.assignments;
  }

  activeAssignment(): AssignmentFacts | undefined {
    return this.state.assignments.find(({ state }) => state === 'ACTIVE');
  }

  /** @param driverId of this driver only; left out: of whoever has it, or had it last */
  newestAssignment(driverId?: string): AssignmentFacts | undefined {
    const theirs = this.state.assignments.filter(
      (each) => driverId === undefined || each.driverId === driverId,
    );
    return (
      theirs.find(({ state }) => state === 'ACTIVE') ?? theirs.sort((a, b) => b.startedAt - a.startedAt)[0]
    );
  }

  driver(driverId: string): DriverFacts {
    const driver = this.driverOrNone(driverId);
    if (!driver) throw new Error(`driver ${driverId} was not read with the delivery`);
    return driver;
  }

  driverOrNone(driverId: string): DriverFacts | undefined {
    return this.state.drivers[driverId];
  }

  // ---- the delivery ----

  setDelivery(set: Partial<DeliveryFacts>): void {
    this.state = { ...this.state, delivery: { ...this.delivery, ...set } };
  }

  /** One legal step of the state machine, with its entry and its news. */
  move(
    to: DeliveryStatus,
    { why, deviceAt = null, ...set }: Partial<DeliveryFacts> & { why: string; deviceAt?: number | null },
  ): void {
    const { status: from, driverId: carriedBy } = this.delivery;
    if (!canMove(from, to)) throw new Error(`no move from ${from} to ${to}`);
    this.setDelivery({ ...set, status: to, statusSince: this.now });
    this.entries.push({
      kind: 'delivery_moved',
      chain: 'delivery',
      driverId: this.delivery.driverId ?? carriedBy,
      actor: this.context.actor,
      from,
      to,
      why,
      deviceAt,
      detail: null,
    });
    this.tellOfDelivery(isNewsToMerchant(from, to));
  }

  beginSearch(): void {
    this.move('SEARCHING', {
      why: 'the search begins',
      searchAgainAt: this.now,
      searchRound: 0,
      clock: startClock(this.delivery.clock, this.now),
    });
  }

  /** The next candidate is asked at once (spec 2); not while others of a broadcast may still accept. */
  searchAgain(why: string): void {
    if (this.liveOffers().length > 0) return;
    this.move('SEARCHING', { why, searchAgainAt: this.now, searchRound: 0 });
  }

  /** The driver is gone before pickup: the search goes on, with clock and exclusions kept (spec 5). */
  loseDriver(why: string): void {
    this.goBackToSearch(why);
    this.takeUpQueue('RELEASED');
  }

  /**
   * Nobody has it: from level 2 on it stands in the queue for that, below a case that was about the driver is
   * over.
   */
  private takeUpQueue(resolution: CaseResolution): void {
    if (this.delivery.escalationLevel >= 2 && this.features.escalation) this.enterQueue();
    else this.resolveCase(resolution);
  }

  private goBackToSearch(why: string): void {
    const { losses, clock, searchAt } = this.delivery;
    // what was assigned by hand long before its time is not searched for yet
    const from = Math.max(this.now, searchAt);
    this.move('SEARCHING', {
      why: `driver lost: ${why}`,
      driverId: null,
      pinned: false,
      assignedAt: null,
      searchAgainAt: from,
      searchRound: 0,
      clock: startClock(clock, from),
      lostAt: this.now,
      losses: losses + 1,
      heldReason: null,
      broadcastSince: null,
    });
  }

  /**
   * The driver is gone before pickup, and automation must not choose another one: ops do, or say that it
   * shall (spec 5).
   */
  loseDriverToOps(heldReason: HeldReason, why: string, lostDriverId: string): void {
    this.goBackToSearch(why);
    this.setDelivery({ heldReason, searchAgainAt: null });
    this.openCase(heldReason, lostDriverId);
  }

  /** Ops let automation look for a driver again. */
  resumeSearch(why: string): void {
    this.setDelivery({ heldReason: null, searchAgainAt: Math.max(this.now, this.delivery.searchAt) });
    this.noteDelivery('search_resumed', why);
    this.takeUpQueue('SEARCH_RESUMED');
  }

  /** More pay for the driver, from now on: who rejected it may be asked again (spec 2). */
  raisePay(bonusCents: number, why: string): void {
    const { status, heldReason } = this.delivery;
    const searchesOn = status === 'SEARCHING' && heldReason === null;
    this.setDelivery({ bonusCents, ...(searchesOn ? { searchAgainAt: this.now } : {}) });
    this.noteDelivery('pay_raised', why, { bonusCents });
    const active = this.activeAssignment();
    if (active) this.payMore(active, this.delivery.payCents + bonusCents);
  }

  private payMore(assignment: AssignmentFacts, payCents: number): void {
    this.putAssignment({ ...assignment, payCents });
    const { driverId } = assignment;
    this.emits.push({
      rooms: [driverRoom(driverId)],
      event: 'PAY_RAISED',
      body: { deliveryId: this.delivery.deliveryId, driverId, payCents, at: iso(this.now) },
    });
  }

  /**
   * A person means this driver to have it, however they came by it: automation does not undo that (spec 5).
   */
  pin(assignment: AssignmentFacts, why: string): void {
    if (assignment.pinned) return;
    this.putAssignment({ ...assignment, pinned: true });
    this.setDelivery({ pinned: true });
    this.noteDelivery('assignment_pinned', why);
  }

  /** The broadcast asked all whom it may: one is asked at a time until it comes again. */
  endBroadcast(): void {
    if (this.delivery.broadcastSince !== null) this.setDelivery({ broadcastSince: null });
  }

  /**
   * What a worker of an older release, which knows neither queue nor broadcast, left behind when somebody
   * took the delivery.
   */
  clearSearch(): void {
    const { heldReason, broadcastSince, lostAt } = this.delivery;
    if (heldReason !== null || broadcastSince !== null || lostAt !== null)
      this.setDelivery({ heldReason: null, broadcastSince: null, lostAt: null });
    const { supportCase } = this.state;
    if (supportCase && !isAboutCarrier(supportCase.reason)) this.resolveCase('ASSIGNED');
  }

  /** Ends the delivery, and whatever is live in it. */
  close(
    to: DeliveryStatus,
    reasonCode: ReasonCode | null,
    why: string,
    deviceAt: number | null = null,
  ): void {
    if (!isClosed(to)) throw new Error(`${to} does not close a delivery`);
    const active = this.activeAssignment();
    for (const offer of this.liveOffers()) this.endOffer(offer, 'WITHDRAWN', 'CANCELLED');
    if (active)
      this.endAssignment(active, assignmentEndOf(to), why, to === 'CANCELLED' ? 'DELIVERY_CANCELLED' : null);
    this.move(to, {
      why,
      deviceAt,
      reasonCode,
      closedAt: this.now,
      searchAgainAt: null,
      clock: stopClock(this.delivery.clock, this.now),
      heldReason: null,
      broadcastSince: null,
    });
    this.resolveCase('CLOSED');
  }

  /**
   * Ops hear of every change; the merchant of those that are news to them: who is asked, and who was lost, is
   * our affair (spec 5).
   */
  private tellOfDelivery(isNewsToMerchant: boolean): void {
    const { deliveryId, sellerOrderId, merchantId, cityId, status, driverId, reasonCode } = this.delivery;
    this.emits.push({
      rooms: [opsRoom(cityId), ...(isNewsToMerchant ? [merchantRoom(merchantId)] : [])],
      event: 'delivery_changed',
      body: { deliveryId, sellerOrderId, status, driverId, reasonCode, at: iso(this.now) },
    });
  }

  private get features(): DispatchFeatures {
    return this.context.features;
  }

  /** An entry for what changes no state. */
  private noteDelivery(
    kind: string,
    why: string | null,
    detail: Record<string, unknown> | null = null,
    between: { from: string | null; to: string | null } = { from: null, to: null },
  ): void {
    this.entries.push({
      kind,
      chain: 'delivery',
      driverId: this.delivery.driverId,
      actor: this.context.actor,
      ...between,
      why,
      deviceAt: null,
      detail,
    });
  }

  // ---- escalation ----

  /**
   * Raises the delivery to the highest level that is due, or lets page and broadcast come again; nothing
   * where the feature is off (spec 4).
   */
  escalateIfDue(): void {
    if (!this.features.escalation) return;
    const { escalationLevel: reached, cityEscalationMinutes } = this.delivery;
    const limits = limitsIn(cityEscalationMinutes, this.limits.escalation);
    const due = dueEscalation(this.delivery, limits, this.now);
    if (due === null) return;
    this.setDelivery(stateAfter(due, this.delivery, limits, this.now));
    const { escalationLevel, bonusCents } = this.delivery;
    const kind = due.kind === 'level' ? 'escalated' : 'escalation_repeated';
    this.noteDelivery(
      kind,
      null,
      { unassignedMs: this.unassignedMs(), bonusCents },
      { from: String(reached), to: String(escalationLevel) },
    );
    for (const effect of effectsOf(due, reached)) this.tellOfEffect(effect);
    // a case that is there rises with the delivery; one that ops resolved meanwhile is opened anew
    if (escalationLevel >= 2) this.enterQueue();
  }

  private enterQueue(): void {
    const { heldReason } = this.delivery;
    const open = this.supportCase?.state === 'RESOLVED' ? null : this.supportCase;
    this.openCase(heldReason ?? 'UNASSIGNED', heldReason === null ? null : (open?.driverId ?? null));
  }

  /**
   * Radius, pay and broadcast stand in the delivery's row, and the search goes by it; the queue is entered
   * once for all.
   */
  private tellOfEffect(effect: EscalationEffect): void {
    switch (effect) {
      case 'WIDEN_RADIUS':
      case 'RAISE_PAY':
      case 'ENTER_SUPPORT_QUEUE':
      case 'BROADCAST_OFFER':
        return;
      case 'TELL_OPS':
        return this.notify('support', 'warning', this.unassignedWords());
      case 'PAGE_SUPPORT_MANAGER':
        return this.notify('pager', 'critical', this.unassignedWords());
      case 'TELL_CUSTOMER':
        return this.tellOfDelay(trackingRoom(this.delivery.deliveryId));
      case 'TELL_MERCHANT':
        return this.tellOfDelay(merchantRoom(this.delivery.merchantId));
    }
  }

  private tellOfDelay(room: string): void {
    const { deliveryId, sellerOrderId, delayedSince } = this.delivery;
    this.setDelivery({ delayedSince: delayedSince ?? this.now });
    this.emits.push({
      rooms: [room],
      event: 'delivery_delayed',
      body: { deliveryId, sellerOrderId, at: iso(this.now) },
    });
  }

  private unassignedMs(): number {
    return unassignedMs(this.delivery.clock, this.now);
  }

  private unassignedWords(): string {
    const minutes = Math.round(this.unassignedMs() / this.limits.escalation.minuteMs);
    return `Level ${this.delivery.escalationLevel}: no driver for ${minutes} minutes`;
  }

  private notify(to: 'support' | 'pager', severity: NoticeSeverity, title: string): void {
    this.messages.push(deliveryNotice(this.delivery, { to, what: 'open', severity, title }, this.now));
  }

  // ---- the support queue ----

  /** Puts the delivery before ops; one that is there already says anew what is worse. */
  openCase(reason: CaseReason, driverId: string | null): void {
    const { escalationLevel: level } = this.delivery;
    const open = this.state.supportCase;
    const next = this.caseFor({ level, reason, driverId });
    if (next === null) return;
    this.putCase(next, next.caseId === open?.caseId ? 'case_risen' : 'case_opened', open?.state ?? null);
    this.notify('support', 'error', caseWords(reason, level));
  }

  /** At most one is open a delivery: one that this very event resolved is the same one again. */
  private caseFor(now: Pick<CaseFacts, 'level' | 'reason' | 'driverId'>): CaseFacts | null {
    const open = this.state.supportCase;
    if (open?.state !== 'RESOLVED')
      return open ? risenCase(open, now, this.now) : this.newCase(now.reason, now.driverId);
    const wasOpen = this.before.supportCase?.caseId === open.caseId;
    return wasOpen
      ? {
          ...open,
          ...now,
          state: 'OPEN',
          roseAt: this.now,
          resolvedAt: null,
          resolvedBy: null,
          resolution: null,
        }
      : this.newCase(now.reason, now.driverId);
  }

  private newCase(reason: CaseReason, driverId: string | null): CaseFacts {
    return {
      caseId: this.context.newId(),
      level: this.delivery.escalationLevel,
      state: 'OPEN',
      reason,
      driverId,
      openedAt: this.now,
      roseAt: this.now,
      resolvedAt: null,
      resolvedBy: null,
      resolution: null,
    };
  }

  /** What ops were to look at is over. */
  resolveCase(resolution: CaseResolution): void {
    const open = this.state.supportCase;
    if (open === null || open.state === 'RESOLVED') return;
    const resolved = resolvedCase(open, resolution, this.context.actor, this.now);
    this.putCase(resolved, 'case_resolved', open.state);
    this.messages.push(...tellPagerItIsOver(resolved, this.delivery, this.now));
  }

  private putCase(supportCase: CaseFacts, kind: string, from: CaseFacts['state'] | null): void {
    this.state = { ...this.state, supportCase };
    this.entries.push(caseEntry(kind, from, supportCase, this.delivery, this.context.actor));
    this.emits.push(caseEmit(supportCase, this.delivery, this.now));
  }

  // ---- offers ----

  /** Asks one driver, or those of one wave of a broadcast, and holds each until their offer ends. */
  makeOffers(chosen: readonly Chosen[], kind: OfferKind, ttlMs: number): void {
    for (const each of chosen) this.makeOffer(each, kind, this.now + ttlMs);
    this.move('OFFERED', {
      why: kind === 'SINGLE' ? 'offer made' : `broadcast to ${chosen.length}`,
      searchAgainAt: null,
    });
  }

  private makeOffer(chosen: Chosen, kind: OfferKind, expiresAt: number): void {
    const offerId = this.context.newId();
    const { deliveryId, searchRound: round, payCents, bonusCents, escalationLevel, cityId } = this.delivery;
    const offer: OfferFacts = {
      offerId,
      deliveryId,
      driverId: chosen.driverId,
      kind,
      state: 'LIVE',
      round,
      payCents: payCents + bonusCents,
      escalationLevel,
      createdAt: this.now,
      expiresAt,
      reachedAt: null,
      endedAt: null,
      endReason: null,
    };
    this.state = { ...this.state, offers: [...this.state.offers, offer] };
    this.newOffers.push({ offerId, kind, chosen });
    this.setDriver(chosen.driverId, { liveOffers: this.driver(chosen.driverId).liveOffers + 1 });
    this.note('offer_created', offer);
    const body = { offerId, deliveryId, driverId: chosen.driverId, expiresAt: iso(expiresAt) };
    this.emits.push({
      rooms: [driverRoom(chosen.driverId)],
      event: 'DELIVERY_OFFERED_V2',
      body: { ...body, offerPayload: chosen.payload },
    });
    this.emits.push({ rooms: [opsRoom(cityId)], event: 'offer_created', body: { ...body, kind } });
    if (this.limits.pushesOffers) this.pushOffer(offer);
  }

  /** Sent only if the app has not shown the offer a moment later: then it is closed (spec 8). */
  private pushOffer({ offerId, driverId, payCents }: OfferFacts): void {
    this.messages.push({
      kind: 'notify',
      notice: {
        to: { kind: 'driver', driverId },
        about: `offer/${offerId}`,
        what: 'open',
        severity: 'info',
        title: 'New delivery',
        text: `Pay: ${(payCents / 100).toFixed(2)}`,
        link: `/offers/${offerId}`,
        cityId: this.delivery.cityId,
        facts: { offerId },
        at: this.now,
      },
    });
  }

  /** The time of an offer is up. It counts against its driver only if it reached their app (spec 2). */
  lapseOffer(offer: OfferFacts): void {
    this.endOffer(offer, 'EXPIRED', 'LAPSED');
    if (offer.reachedAt === null) return;
    const lapsesInRow = this.driver(offer.driverId).lapsesInRow + 1;
    const { afterLapses, pauseMs } = this.limits.lapsePause;
    const isTooOften =
      afterLapses > 0 &&
      lapsesInRow >= afterLapses &&
      this.changeAvailability(offer.driverId, { kind: 'lapsedTooOften', pauseMs });
    this.setDriver(offer.driverId, { lapsesInRow: isTooOften ? 0 : lapsesInRow });
  }

  /** The driver answered: they are there. */
  clearLapses(driverId: string): void {
    if (this.driver(driverId).lapsesInRow > 0) this.setDriver(driverId, { lapsesInRow: 0 });
  }

  /** Ends a live offer and lets its driver go, whichever delivery it belongs to. */
  endOffer(offer: OfferFacts, state: Exclude<OfferState, 'LIVE'>, endReason: OfferEnd): void {
    const ended = endOffer(offer, state, endReason, this.now);
    this.state = {
      ...this.state,
      offers: this.state.offers.map((each) => (each.offerId === offer.offerId ? ended : each)),
    };
    this.setDriver(offer.driverId, { liveOffers: this.driver(offer.driverId).liveOffers - 1 });
    this.note(`offer_${state.toLowerCase()}`, ended);
    this.tellOfOffer(ended);
    if (offer.deliveryId !== this.delivery.deliveryId)
      this.messages.push({ kind: 'offerWithdrawn', deliveryId: offer.deliveryId, offerId: offer.offerId });
    if (state !== 'ACCEPTED' && endReason !== 'DRIVER_ASSIGNED_BY_HAND') this.freeDriver(offer.driverId);
  }

  private note(
    kind: string,
    { offerId, driverId, deliveryId, payCents, expiresAt, endReason, state }: OfferFacts,
  ): void {
    this.entries.push({
      kind,
      chain: 'delivery',
      driverId,
      actor: this.context.actor,
      from: state === 'LIVE' ? null : 'LIVE',
      to: state,
      why: endReason,
      deviceAt: null,
      detail: {
        offerId,
        payCents,
        expiresAt: iso(expiresAt),
        ...(deliveryId === this.delivery.deliveryId ? {} : { ofDelivery: deliveryId }),
      },
    });
  }

  private tellOfOffer({ offerId, deliveryId, driverId, state, endReason }: OfferFacts): void {
    const body = { offerId, deliveryId, driverId, state, reason: endReason, at: iso(this.now) };
    if (state === 'WITHDRAWN' || state === 'EXPIRED')
      this.emits.push({ rooms: [driverRoom(driverId)], event: `OFFER_${state}`, body });
    this.emits.push({ rooms: [opsRoom(this.delivery.cityId)], event: `offer_${state.toLowerCase()}`, body });
  }

  // ---- assignments ----

  /** Gives the delivery to a driver; the place that an accepted offer held becomes the assignment's. */
  assign(driverId: string, { way, offerId = null, why, reason }: Assigning): void {
    const assignment = this.beginAssignment(driverId, { way, offerId, why, meeting: null });
    const set = {
      driverId,
      pinned: assignment.pinned,
      assignedAt: this.now,
      searchAgainAt: null,
      searchRound: 0,
      clock: stopClock(this.delivery.clock, this.now),
      why: reason,
      heldReason: null,
      broadcastSince: null,
      lostAt: null,
    };
    if (this.delivery.status === 'ASSIGNED') this.reassign(set);
    else this.move('ASSIGNED', set);
    this.tellOfAssignment(assignment);
    this.resolveCase('ASSIGNED');
  }

  private beginAssignment(
    driverId: string,
    {
      way,
      offerId,
      why,
      meeting,
    }: Pick<AssignmentFacts, 'way' | 'offerId' | 'meeting'> & Pick<Assigning, 'why'>,
  ): AssignmentFacts {
    const { payCents, bonusCents } = this.delivery;
    const isByHand = way === 'MANUAL' || way === 'HANDOVER';
    const assignment: AssignmentFacts = {
      assignmentId: this.context.newId(),
      driverId,
      offerId,
      way,
      state: 'ACTIVE',
      pinned: isByHand,
      payCents: payCents + bonusCents,
      startedAt: this.now,
      atPickupAt: null,
      pickedUpAt: null,
      atDropoffAt: null,
      endedAt: null,
      endReason: null,
      meeting,
    };
    this.state = { ...this.state, assignments: [...this.state.assignments, assignment] };
    this.newAssignment = { assignmentId: assignment.assignmentId, why };
    this.setDriver(driverId, { activeAssignments: this.driver(driverId).activeAssignments + 1 });
    this.changeAvailability(driverId, {
      kind: 'workBegins',
      origin: isByHand ? 'BY_HAND_OVERRIDE' : way === 'OFFER' ? 'OFFER' : 'DIRECT',
    });
    return assignment;
  }

  /** From one driver to another by hand: the state stays, the driver changes. */
  private reassign({ why, ...set }: Partial<DeliveryFacts> & { why: string }): void {
    this.setDelivery({ ...set, statusSince: this.now });
    this.noteDelivery('delivery_reassigned', why, null, { from: 'ASSIGNED', to: 'ASSIGNED' });
    this.tellOfDelivery(true);
  }

  /**
   * The goods go from who has them to another driver, at a meeting point or where they are: one assignment
   * ends and the next begins (spec 5).
   */
  handOver(
    from: AssignmentFacts,
    driverId: string,
    { meeting, why }: { meeting: Meeting | null; why: Record<string, unknown> & { why: string } },
  ): void {
    const { status } = this.delivery;
    // what ops write is for the trail, not for the driver
    this.endAssignment(from, 'HANDED_OVER', 'HANDED_OVER', 'DELIVERY_UNASSIGNED');
    const assignment = this.beginAssignment(driverId, { way: 'HANDOVER', offerId: null, why, meeting });
    const set = { driverId, pinned: true, assignedAt: this.now };
    if (status === 'AT_DROPOFF') this.move('PICKED_UP', { ...set, why: 'handed over to another driver' });
    else this.setDelivery(set);
    this.noteDelivery(
      'delivery_handed_over',
      why.why,
      { from: from.driverId, to: driverId, meeting: meeting?.point ?? null },
      { from: status, to: this.delivery.status },
    );
    if (status !== 'AT_DROPOFF') this.tellOfDelivery(true);
    this.tellOfAssignment(assignment);
    this.resolveCase('HANDED_OVER');
  }

  /** The next driver has the goods in hand; the state of the delivery stays. */
  takeGoodsOver(assignment: AssignmentFacts, deviceAt: number | null): void {
    this.putAssignment({ ...assignment, pickedUpAt: this.now });
    this.entries.push({
      kind: 'goods_taken_over',
      chain: 'delivery',
      driverId: assignment.driverId,
      actor: this.context.actor,
      from: null,
      to: null,
      why: null,
      deviceAt,
      detail: null,
    });
    this.answerCarrierCase();
  }

  /** Ops asked what becomes of the goods; this is the answer. */
  answerCarrierCase(): void {
    const { supportCase } = this.state;
    if (supportCase && isAboutCarrier(supportCase.reason)) this.resolveCase('STEP_TAKEN');
  }

  private tellOfAssignment({ assignmentId, driverId, way, meeting }: AssignmentFacts): void {
    const { deliveryId } = this.delivery;
    // The body of v1, which old apps read; newer ones find the rest under /v2/me.
    this.emits.push({
      rooms: [driverRoom(driverId)],
      event: 'DELIVERY_ASSIGNED',
      body: { deliveryId, driverId },
    });
    this.emits.push({
      rooms: [driverRoom(driverId)],
      event: 'DELIVERY_ASSIGNED_V2',
      body: { deliveryId, driverId, assignmentId, way, meeting, at: iso(this.now) },
    });
  }

  /** Ends an assignment and lets its driver go on to what waits for them. */
  endAssignment(
    assignment: AssignmentFacts,
    state: Exclude<AssignmentState, 'ACTIVE'>,
    why: string,
    event: 'DELIVERY_CANCELLED' | 'DELIVERY_UNASSIGNED' | null,
  ): void {
    const ended: AssignmentFacts = { ...assignment, state, endedAt: this.now, endReason: why };
    this.putAssignment(ended);
    const { driverId } = assignment;
    this.setDriver(driverId, { activeAssignments: this.driver(driverId).activeAssignments - 1 });
    if (!this.changeAvailability(driverId, { kind: 'workEnds' })) this.freeDriver(driverId);
    if (event)
      this.emits.push({
        rooms: [driverRoom(driverId)],
        event,
        body: { deliveryId: this.delivery.deliveryId, driverId, reason: why, at: iso(this.now) },
      });
  }

  private putAssignment(assignment: AssignmentFacts): void {
    const { assignmentId } = assignment;
    this.state = {
      ...this.state,
      assignments: this.state.assignments.map((each) =>
        each.assignmentId === assignmentId ? assignment : each,
      ),
    };
  }

  /** One of the carrier's steps; the last one closes the delivery. */
  takeStep(assignment: AssignmentFacts, name: Step, deviceAt: number | null): void {
    const { to } = STEPS[name];
    if (isClosed(to)) return this.close(to, this.delivery.reasonCode, name, deviceAt);
    const { now } = this;
    if (name === 'arriveAtPickup') this.putAssignment({ ...assignment, atPickupAt: now });
    if (name === 'pickUp') this.putAssignment({ ...assignment, pickedUpAt: now });
    if (name === 'arriveAtDropoff')
      this.putAssignment({ ...assignment, atDropoffAt: now, pickedUpAt: assignment.pickedUpAt ?? now });
    this.move(to, { why: name, deviceAt, ...(name === 'pickUp' ? { pickedUpAt: now } : {}) });
    this.answerCarrierCase();
  }

  // ---- drivers ----

  private setDriver(driverId: string, set: Partial<DriverFacts>): void {
    const drivers = { ...this.state.drivers, [driverId]: { ...this.driver(driverId), ...set } };
    this.state = { ...this.state, drivers };
  }

  /** @returns whether the driver's availability, or what is pending of it, changed */
  private changeAvailability(driverId: string, request: AvailabilityRequest): boolean {
    const { actor } = this.context;
    const decision: AvailabilityDecision = decideAvailability(
      this.driver(driverId),
      request,
      this.limits.availability,
      { availabilityStates: this.features.availabilityStates(driverId) },
      this.now,
    );
    if (decision.kind === 'refused')
      throw new Error(`driver ${driverId}: ${decision.code}: ${decision.detail}`);
    if (decision.kind === 'unchanged') return false;
    const { next, from, to, why, timer, wakes } = decision;
    this.setDriver(driverId, next);
    this.entries.push({
      kind: 'availability_changed',
      chain: 'driver',
      driverId,
      actor,
      from,
      to,
      why,
      deviceAt: null,
      detail: { deliveryId: this.delivery.deliveryId },
    });
    const body = {
      driverId,
      availability: to,
      until: next.availabilityUntil === null ? null : iso(next.availabilityUntil),
      reason: why,
      at: iso(this.now),
    };
    this.emits.push({
      rooms: [driverRoom(driverId), opsRoom(next.cityId)],
      event: 'AVAILABILITY_CHANGED',
      body,
    });
    this.messages.push({ kind: 'syncDriver', driverId });
    if (timer) this.messages.push({ kind: 'endAvailabilityLater', driverId, ...timer });
    if (wakes) this.freeDriver(driverId);
    return true;
  }

  /**
   * Nothing more is to come to this driver: OFFLINE as soon as this work is over; offers and jobs of other
   * deliveries are ended by them, who are told.
   */
  endDuty(driverId: string): void {
    const isNews = this.changeAvailability(driverId, {
      kind: 'set',
      availability: 'OFFLINE',
      carrying: 'AFTER_PICKUP',
    });
    if (isNews) this.messages.push({ kind: 'letGo', driverId });
  }

  /** This delivery was woken for a driver whom it does not take: the next one shall have the chance. */
  passOn({ driverId, passed }: { driverId: string; passed: readonly string[] }): void {
    this.messages.push({
      kind: 'driverFree',
      driverId,
      passed: [...new Set([...passed, this.delivery.deliveryId])],
    });
  }

  /** A driver who has room again may be what another delivery waits for. */
  private freeDriver(driverId: string): void {
    if (takesWork(this.driver(driverId)))
      this.messages.push({ kind: 'driverFree', driverId, passed: [this.delivery.deliveryId] });
  }
}

type Assigning = {
  way: AssignmentWay;
  offerId?: string | null;
  why: Record<string, unknown> | null;
  reason: string;
};

/**
 * Asking and being refused is no news, nor is a driver who is lost: only that it takes longer is, and level 3
 * says so (spec 4 and 5).
 */
function isNewsToMerchant(from: DeliveryStatus, to: DeliveryStatus): boolean {
  return to !== 'OFFERED' && (to !== 'SEARCHING' || from === 'PENDING');
}

function caseWords(reason: CaseReason, level: number): string {
  switch (reason) {
    case 'UNASSIGNED':
      return `Support queue: no driver found, level ${level}`;
    case 'REASSIGNMENT_OFF':
      return 'Support queue: the driver was lost, and automatic reassignment is off';
    case 'PINNED_DRIVER_LOST':
      return 'Support queue: the driver who was assigned by hand was lost';
    case 'PINNED_DRIVER_SILENT':
      return 'Support queue: the driver who was assigned by hand is silent';
    case 'PINNED_DRIVER_STANDS_STILL':
      return 'Support queue: the driver who was assigned by hand makes no way to the pickup';
    case 'CARRIER_SILENT':
      return 'Support queue: the driver who is to deliver is silent';
    case 'CARRIER_BROKE_DOWN':
      return 'Support queue: the driver who has the goods broke down';
    case 'CARRIER_GAVE_UP':
      return 'Support queue: the driver who has the goods gives them up';
  }
}

function assignmentEndOf(to: DeliveryStatus): Exclude<AssignmentState, 'ACTIVE'> {
  if (to === 'CANCELLED') return 'CANCELLED';
  return to === 'FAILED' ? 'FAILED' : 'COMPLETED';
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
