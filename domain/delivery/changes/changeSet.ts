import { type DriverFacts } from '../../driver/availability';
import { type Emit, merchantRoom, type Message, opsRoom, trackingRoom } from '../../notices/message';
import { type CaseFacts } from '../../support/supportCase';
import { type DecisionContext, type DispatchFeatures, type DispatchLimits } from '../decisionContext';
import {
  type Answer,
  type AssignmentFacts,
  type Chosen,
  type Decision,
  type DeliveryFacts,
  type DeliveryState,
  type Entry,
  type NewAssignment,
  type NewOffer,
  type OrderWrite,
} from '../deliveryState';
import { liveMates, type OfferFacts } from '../offer';
import { type Actor, canMove, type DeliveryStatus } from '../status';
import { trackingOf } from '../tracking';

/**
 * The changes of one decision: the next state of the delivery, and the audit entries, realtime events and messages to
 * write with it, in the order in which rules add them. It has no rules itself.
 */
export class ChangeSet {
  private state: DeliveryState;
  private readonly newOffers: NewOffer[] = [];
  private newAssignment: NewAssignment | null = null;
  private orderWrite: OrderWrite | null = null;
  private readonly entries: Entry[] = [];
  private readonly emits: Emit[] = [];
  private readonly messages: Message[] = [];

  /** @param before the state as it was read; it is never modified */
  constructor(
    readonly before: DeliveryState,
    private readonly context: DecisionContext,
  ) {
    this.state = before;
  }

  /** Everything so far, with the answer. Realtime events become one message, ahead of the others. */
  decision(answer: Answer): Decision {
    const emits: Message[] = this.emits.length > 0 ? [{ kind: 'emit', emits: this.emits }] : [];
    return {
      next: this.state,
      answer,
      newOffers: this.newOffers,
      newAssignment: this.newAssignment,
      orderWrite: this.orderWrite,
      entries: this.entries,
      messages: [...emits, ...this.messages],
    };
  }

  // ---- the context ----

  get now(): number {
    return this.context.now;
  }

  get actor(): Actor {
    return this.context.actor;
  }

  get limits(): DispatchLimits {
    return this.context.limits;
  }

  get features(): DispatchFeatures {
    return this.context.features;
  }

  newId(): string {
    return this.context.newId();
  }

  /** Whether this delivery is decided in one transaction with that one. */
  isTogetherWith(deliveryId: string): boolean {
    return this.context.together?.includes(deliveryId) ?? false;
  }

  // ---- the state, with the changes made so far ----

  get delivery(): DeliveryFacts {
    return this.state.delivery;
  }

  /** An offer of this delivery. The state also holds offers of other deliveries to the drivers that it names. */
  offer(offerId: string): OfferFacts | undefined {
    const { deliveryId } = this.delivery;
    return this.state.offers.find((offer) => offer.offerId === offerId && offer.deliveryId === deliveryId);
  }

  /** The delivery's own live offers. */
  liveOffers(): OfferFacts[] {
    const { deliveryId } = this.delivery;
    return this.state.offers.filter((offer) => offer.state === 'LIVE' && offer.deliveryId === deliveryId);
  }

  isLive(offerId: string): boolean {
    return this.state.offers.some((offer) => offer.offerId === offerId && offer.state === 'LIVE');
  }

  /** The other live offers of the offer's trip, of whichever delivery. */
  matesOf(offer: OfferFacts): OfferFacts[] {
    return liveMates(this.state.offers, offer);
  }

  /** A driver's live offers, of any delivery. */
  liveOffersOf(driverId: string): OfferFacts[] {
    return this.state.offers.filter((offer) => offer.state === 'LIVE' && offer.driverId === driverId);
  }

  assignments(): readonly AssignmentFacts[] {
    return this.state.assignments;
  }

  activeAssignment(): AssignmentFacts | undefined {
    return this.state.assignments.find(({ state }) => state === 'ACTIVE');
  }

  /**
   * The active assignment, or else the last one.
   * @param driverId of this driver only; absent = of any driver
   */
  newestAssignment(driverId?: string): AssignmentFacts | undefined {
    const theirs = this.state.assignments.filter(
      (each) => driverId === undefined || each.driverId === driverId,
    );
    const latest = (a: AssignmentFacts, b: AssignmentFacts): AssignmentFacts =>
      b.startedAt >= a.startedAt ? b : a; // of two in one instant, the one that was added later
    const [first, ...others] = theirs;
    return theirs.find(({ state }) => state === 'ACTIVE') ?? (first && others.reduce(latest, first));
  }

  /** @throws where the driver was not read with the delivery */
  driver(driverId: string): DriverFacts {
    const driver = this.driverOrNone(driverId);
    if (!driver) throw new Error(`driver ${driverId} was not read with the delivery`);
    return driver;
  }

  driverOrNone(driverId: string): DriverFacts | undefined {
    return this.state.drivers[driverId];
  }

  get supportCase(): CaseFacts | null {
    return this.state.supportCase;
  }

  // ---- changing the state ----

  setDelivery(set: Partial<DeliveryFacts>): void {
    this.state = { ...this.state, delivery: { ...this.delivery, ...set } };
  }

  addOffer(offer: OfferFacts, chosen: Chosen): void {
    this.state = { ...this.state, offers: [...this.state.offers, offer] };
    this.newOffers.push({ offerId: offer.offerId, kind: offer.kind, chosen });
  }

  putOffer(offer: OfferFacts): void {
    const { offerId } = offer;
    const offers = this.state.offers.map((each) => (each.offerId === offerId ? offer : each));
    this.state = { ...this.state, offers };
  }

  /** @param why the stored explanation of the choice; null = the offer has it */
  addAssignment(assignment: AssignmentFacts, why: NewAssignment['why']): void {
    this.state = { ...this.state, assignments: [...this.state.assignments, assignment] };
    this.newAssignment = { assignmentId: assignment.assignmentId, why };
  }

  putAssignment(assignment: AssignmentFacts): void {
    const { assignmentId } = assignment;
    const assignments = this.state.assignments.map((each) =>
      each.assignmentId === assignmentId ? assignment : each,
    );
    this.state = { ...this.state, assignments };
  }

  /** @throws where the driver was not read with the delivery */
  setDriver(driverId: string, set: Partial<DriverFacts>): void {
    const drivers = { ...this.state.drivers, [driverId]: { ...this.driver(driverId), ...set } };
    this.state = { ...this.state, drivers };
  }

  /** Writes the order anew, and that the change was applied. */
  writeOrder(write: OrderWrite): void {
    const { readyAt, searchAt, payCents, zoneId } = write.order;
    this.orderWrite = write;
    if (write.fields.length > 0) this.setDelivery({ readyAt, searchAt, payCents, zoneId });
  }

  putCase(supportCase: CaseFacts): void {
    this.state = { ...this.state, supportCase };
  }

  /**
   * Moves the delivery to another status, with its audit entry and its realtime event.
   * @throws where the move is not in the table (docs/behaviour.md#deliveries)
   */
  move(
    to: DeliveryStatus,
    { why, deviceAt = null, ...set }: Partial<DeliveryFacts> & { why: string; deviceAt?: number | null },
  ): void {
    const { status: from, driverId: carriedBy } = this.delivery;
    if (!canMove(from, to)) throw new Error(`no move from ${from} to ${to}`);
    this.setDelivery({ ...set, status: to, statusSince: this.now });
    const driverId = this.delivery.driverId ?? carriedBy;
    this.note('delivery_moved', { driverId, from, to, why, deviceAt });
    this.announceDelivery({ toMerchant: concernsMerchant(from, to) });
  }

  // ---- what is written and sent with it ----

  /** Adds an audit entry to the delivery's chain, about its driver where `facts` name no other. */
  note(kind: string, facts: Partial<Omit<Entry, 'kind' | 'actor'>> = {}): void {
    this.entries.push({
      kind,
      chain: 'delivery',
      driverId: this.delivery.driverId,
      actor: this.actor,
      from: null,
      to: null,
      why: null,
      deviceAt: null,
      detail: null,
      ...facts,
    });
  }

  noteEntry(entry: Entry): void {
    this.entries.push(entry);
  }

  emit(emit: Emit): void {
    this.emits.push(emit);
  }

  send(...messages: readonly Message[]): void {
    this.messages.push(...messages);
  }

  /** Sends the delivery's state to ops, and to its merchant and customer where it concerns them. */
  announceDelivery({ toMerchant }: { toMerchant: boolean }): void {
    const { deliveryId, sellerOrderId, merchantId, cityId, status, driverId, reasonCode } = this.delivery;
    this.emit({
      rooms: [opsRoom(cityId), ...(toMerchant ? [merchantRoom(merchantId)] : [])],
      event: 'delivery_changed',
      body: { deliveryId, sellerOrderId, status, driverId, reasonCode, at: iso(this.now) },
    });
    if (!toMerchant) return;
    this.emit({
      rooms: [trackingRoom(deliveryId)],
      event: 'tracking_changed',
      body: trackingOf(this.delivery),
    });
  }
}

/**
 * Merchants get no events about offers or lost drivers. Escalation notifies them when the delivery is late.
 * docs/behaviour.md#escalation.
 */
function concernsMerchant(from: DeliveryStatus, to: DeliveryStatus): boolean {
  return to !== 'OFFERED' && (to !== 'SEARCHING' || from === 'PENDING');
}

/** An instant (epoch ms) as events and audit entries show it. */
export function iso(at: number): string {
  return new Date(at).toISOString();
}
