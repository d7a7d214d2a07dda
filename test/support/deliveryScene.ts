/**
 * A delivery in a city with drivers of its own, told events one by one through the real activities on a real
 * database.
 */
import { expect } from '@jest/globals';
import type { IncomingEvent } from '../../domain/delivery/events';
import type { EventResult } from '../../services/deliveries/deliveryEvents';
import type { ReasonCode, Step } from '../../domain/delivery/status';
import type { Notice } from '../../domain/notices/notice';
import type { Answer } from '../../domain/delivery/deliveryState';
import { type DispatchWorld, type NewDelivery, type NewDriver, PICKUP } from './dispatchWorld';

/** An id that nobody has. */
export const NOBODY = '00000000-0000-7000-8000-000000000000';

/** A delivery in a city with drivers of its own, the nearest first. */
export class DeliveryScene {
  private constructor(
    private readonly world: DispatchWorld,
    readonly deliveryId: string,
    readonly cityId: string,
    private readonly drivers: readonly string[],
  ) {}

  static async set(
    world: DispatchWorld,
    drivers: readonly NewDriver[] = [{}],
    delivery: NewDelivery = {},
  ): Promise<DeliveryScene> {
    const cityId = await world.addCity();
    const ids: string[] = [];
    for (const [index, driver] of drivers.entries())
      ids.push(
        await world.addDriver({
          at: { lat: PICKUP.lat + 0.005 * index, lng: PICKUP.lng },
          ...driver,
          cityId,
        }),
      );
    const { deliveryId } = await world.addDelivery({ ...delivery, cityId });
    return new DeliveryScene(world, deliveryId, cityId, ids);
  }

  /** One more delivery in the city of a scene, with its drivers. */
  static async beside(
    world: DispatchWorld,
    { cityId, drivers }: DeliveryScene,
    delivery: NewDelivery,
  ): Promise<DeliveryScene> {
    const { deliveryId } = await world.addDelivery({ ...delivery, cityId });
    return new DeliveryScene(world, deliveryId, cityId, drivers);
  }

  driver(index = 0): string {
    return this.drivers[index] ?? NOBODY;
  }

  send(event: IncomingEvent, at = Date.now()): Promise<EventResult> {
    return this.world.activities[event.kind]({
      deliveryId: this.deliveryId,
      correlationId: 'test',
      at,
      event,
    });
  }

  async answer(event: IncomingEvent, at?: number): Promise<Answer> {
    return (await this.send(event, at)).answer;
  }

  search(at?: number): Promise<EventResult> {
    return this.send({ kind: 'lookForDriver', freed: null }, at);
  }

  /** Looks for a driver, who must be the one named, and is asked. */
  async offered(index = 0, at?: number): Promise<{ offerId: string; driverId: string; expiresAt: number }> {
    const {
      known: {
        offers: [offer],
      },
    } = await this.search(at);
    expect(offer?.driverId).toBe(this.driver(index));
    return offer ?? { offerId: NOBODY, driverId: NOBODY, expiresAt: 0 };
  }

  /** The driver named is asked and accepts. */
  async accepted(index = 0): Promise<{ offerId: string; driverId: string; assignmentId: string }> {
    const { offerId, driverId } = await this.offered(index);
    const answer = await this.answer({ kind: 'acceptOffer', offerId, driverId });
    if (!('outcome' in answer) || answer.outcome !== 'accepted')
      throw new Error(`not accepted: ${JSON.stringify(answer)}`);
    return { offerId, driverId, assignmentId: answer.assignmentId };
  }

  step(step: Step, driverId = this.driver(), deviceAt: number | null = null): Promise<Answer> {
    return this.answer({ kind: 'takeStep', step, by: { kind: 'driver', id: driverId }, deviceAt });
  }

  async steps(...steps: Step[]): Promise<void> {
    for (const step of steps) expect(await this.step(step)).toMatchObject({ outcome: 'moved' });
  }

  fail(reason: ReasonCode, goods: 'RETURN' | 'LOST' = 'RETURN'): IncomingEvent {
    return { kind: 'failDelivery', by: { kind: 'driver', id: this.driver() }, reason, goods };
  }

  row() {
    return this.world.db.delivery.findUniqueOrThrow({ where: { id: this.deliveryId } });
  }

  driverRow(index = 0) {
    return this.world.db.driver.findUniqueOrThrow({ where: { id: this.driver(index) } });
  }

  offers() {
    return this.world.db.offer.findMany({
      where: { deliveryId: this.deliveryId },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    });
  }

  assignments() {
    return this.world.db.assignment.findMany({
      where: { deliveryId: this.deliveryId },
      orderBy: [{ startedAt: 'asc' }, { id: 'asc' }],
    });
  }

  /** The id of this driver's newest assignment. */
  async jobOf(driverId: string): Promise<string> {
    const mine = (await this.assignments()).filter((each) => each.driverId === driverId);
    return mine.at(-1)?.id ?? NOBODY;
  }

  cases() {
    return this.world.db.escalation.findMany({
      where: { deliveryId: this.deliveryId },
      orderBy: [{ openedAt: 'asc' }, { id: 'asc' }],
    });
  }

  /** Notices to people in the scene's city, `pager critical: …`, in their order. */
  async notices(): Promise<string[]> {
    return (await this.toPeople()).map(
      ({ to, severity, what, title }) => `${to.kind} ${what === 'open' ? severity : what}: ${title}`,
    );
  }

  /** What each page opens and ends at the pager. */
  async alerts(): Promise<{ opens: string | null; ends: string[] }[]> {
    const pages = (await this.toPeople()).filter(({ to }) => to.kind === 'pager');
    return pages.map(({ what, about, alert = about, endsAlerts = [] }) => ({
      opens: what === 'open' ? alert : null,
      ends: [...endsAlerts],
    }));
  }

  private async toPeople(): Promise<Notice[]> {
    const rows = await this.world.db.outboxMessage.findMany({
      where: { kind: 'notify', payload: { path: ['notice', 'cityId'], equals: this.cityId } },
      orderBy: { id: 'asc' },
    });
    return rows
      .map(({ payload }) => (payload as { notice: Notice }).notice)
      .filter(({ to }) => to.kind !== 'driver');
  }

  /** The kinds of the delivery's audit entries, by their chain's order of writing. */
  async entries(): Promise<string[]> {
    return (
      await this.world.db.auditEntry.findMany({
        where: { deliveryId: this.deliveryId },
        orderBy: { id: 'asc' },
      })
    ).map(({ kind }) => kind);
  }

  /** Everything that an event could leave behind. */
  async traces(): Promise<unknown> {
    const of = { deliveryId: this.deliveryId };
    return {
      row: await this.row(),
      offers: await this.offers(),
      assignments: await this.assignments(),
      entries: await this.world.db.auditEntry.count({ where: of }),
      drivers: await this.world.db.driver.findMany({
        where: { id: { in: [...this.drivers] } },
        orderBy: { id: 'asc' },
      }),
      messages: await this.world.db.outboxMessage.count({ where: { key: this.deliveryId } }),
      cases: await this.cases(),
    };
  }

  async messages(): Promise<{ kind: string; payload: unknown }[]> {
    return this.world.db.outboxMessage.findMany({
      where: { key: this.deliveryId },
      orderBy: { id: 'asc' },
      select: { kind: true, payload: true },
    });
  }

  async emitted(): Promise<string[]> {
    const emits = (await this.messages()).filter(({ kind }) => kind === 'emit');
    return emits.flatMap(({ payload }) =>
      (payload as { emits: { event: string; rooms: string[] }[] }).emits.map(
        ({ event, rooms }) => `${event} to ${rooms.join(' and ')}`,
      ),
    );
  }
}
