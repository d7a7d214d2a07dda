/** The common parts of scenarios: a city with drivers, and the ways to send events to a delivery. */
import type { Actor, ReasonCode, Step } from '../../domain/delivery/status';
import type { DispatchLimits } from '../../domain/delivery/decisionContext';
import type { LeaveReason } from '../../domain/driver/loss';
import type { RejectReason } from '../../domain/delivery/offer';
import type { Answer } from '../../domain/delivery/deliveryState';
import {
  availabilityWorkflowId,
  COMMANDS,
  driverLeft,
  driverRescued,
  TASK_QUEUE,
  type WORKFLOWS,
} from '../../workflows/contract';
import { v7 as newId } from 'uuid';
import type { NewDelivery } from '../support/dispatchWorld';
import { eventually } from '../support/eventually';
import type { RealTemporalWorld } from '../support/realTemporalWorld';
import type { RunningDelivery } from '../support/temporalWorld';

const correlationId = 'test';
const MINUTE_MS = 60_000;
const OPS: Actor = { kind: 'ops', id: 'olga' };

export type LiveOffer = { offerId: string; driverId: string };

/** The city of one scenario, so that deliveries of other scenarios do not use its drivers. */
export class Stage {
  private constructor(
    readonly world: RealTemporalWorld,
    readonly cityId: string,
    readonly drivers: readonly string[],
  ) {}

  /** @param offerVersions the drivers' apps, the nearest first */
  static async set(world: RealTemporalWorld, offerVersions: readonly (number | null)[]): Promise<Stage> {
    const { limits, pickup } = world.standard;
    world.deps.limits = limits;
    const cityId = await world.addCity();
    const drivers: string[] = [];
    for (const [index, offerVersion] of offerVersions.entries()) {
      drivers.push(
        await world.addDriver({
          cityId,
          offerVersion,
          at: { lat: pickup.lat + 0.005 * index, lng: pickup.lng },
        }),
      );
    }
    return new Stage(world, cityId, drivers);
  }

  /** Shortens what the scenario waits for. */
  hurry(limits: Partial<DispatchLimits>): void {
    this.world.deps.limits = { ...this.world.standard.limits, ...limits };
  }

  driver(index: number): string {
    const driverId = this.drivers[index];
    if (driverId === undefined) throw new Error(`this stage has ${this.drivers.length} drivers`);
    return driverId;
  }

  dispatch(delivery: NewDelivery = {}): Promise<RunningDelivery> {
    return this.world.dispatch({ ...delivery, cityId: this.cityId });
  }

  /** Waits for a row, without queries to the workflow. */
  is({ deliveryId }: RunningDelivery, wanted: string): Promise<true> {
    return eventually(
      `the delivery is ${wanted}`,
      async () => (await this.world.db.delivery.count({ where: { id: deliveryId, status: wanted } })) === 1,
    );
  }

  /** Waits until the workflow waits for its next deadline. */
  waits({ handle }: RunningDelivery): Promise<true> {
    return eventually('it waits for its next deadline', async () =>
      (await handle.fetchHistory()).events?.at(-1)?.timerStartedEventAttributes ? true : undefined,
    );
  }

  offered({ deliveryId }: RunningDelivery, driverId: string): Promise<LiveOffer> {
    return eventually('the driver is asked', async () => {
      const offer = await this.world.db.offer.findFirst({ where: { deliveryId, driverId, state: 'LIVE' } });
      return offer ? { offerId: offer.id, driverId } : undefined;
    });
  }

  accept({ handle }: RunningDelivery, offer: LiveOffer): Promise<Answer> {
    return handle.executeUpdate(COMMANDS.acceptOffer.update, { args: [{ ...offer, correlationId }] });
  }

  reject({ handle }: RunningDelivery, offer: LiveOffer, reason: RejectReason = 'TOO_FAR'): Promise<Answer> {
    return handle.executeUpdate(COMMANDS.rejectOffer.update, { args: [{ ...offer, reason, correlationId }] });
  }

  async steps({ handle }: RunningDelivery, driverId: string, ...steps: Step[]): Promise<void> {
    for (const step of steps)
      await handle.executeUpdate(COMMANDS.takeStep.update, {
        args: [{ step, by: { kind: 'driver', id: driverId }, deviceAt: null, correlationId }],
      });
  }

  fail(
    { handle }: RunningDelivery,
    driverId: string,
    reason: ReasonCode,
    goods: 'RETURN' | 'LOST',
  ): Promise<Answer> {
    return handle.executeUpdate(COMMANDS.failDelivery.update, {
      args: [{ by: { kind: 'driver', id: driverId }, reason, goods, correlationId }],
    });
  }

  cancel({ handle }: RunningDelivery, reason: ReasonCode = 'OPS_CANCELLED'): Promise<Answer> {
    return handle.executeUpdate(COMMANDS.cancelDelivery.update, {
      args: [{ by: OPS, reason, correlationId }],
    });
  }

  assign({ handle }: RunningDelivery, driverId: string): Promise<Answer> {
    return handle.executeUpdate(COMMANDS.assignDriver.update, {
      args: [{ driverId, by: OPS, override: false, why: 'they are next door', correlationId }],
    });
  }

  async leave(
    { handle, deliveryId }: RunningDelivery,
    driverId: string,
    reason: LeaveReason = 'OTHER',
  ): Promise<Answer> {
    const { id: assignmentId } = await this.world.db.assignment.findFirstOrThrow({
      where: { deliveryId, driverId, state: 'ACTIVE' },
    });
    return handle.executeUpdate(COMMANDS.leaveDelivery.update, {
      args: [{ driverId, assignmentId, reason, correlationId }],
    });
  }

  resume({ handle }: RunningDelivery): Promise<Answer> {
    return handle.executeUpdate(COMMANDS.resumeSearch.update, {
      args: [{ by: OPS, why: 'anybody will do', correlationId }],
    });
  }

  raisePay({ handle }: RunningDelivery, bonusCents: number): Promise<Answer> {
    return handle.executeUpdate(COMMANDS.raisePay.update, {
      args: [{ bonusCents, by: OPS, why: 'rain', correlationId }],
    });
  }

  searchFarther({ handle }: RunningDelivery, radiusMeters: number): Promise<Answer> {
    return handle.executeUpdate(COMMANDS.searchFarther.update, {
      args: [{ radiusMeters, by: OPS, why: 'rain', correlationId }],
    });
  }

  /** What changes is in the database, and the workflow is told its id. */
  async changeOrder(
    { handle, deliveryId }: RunningDelivery,
    content: { pickup: object; dropoff: object; readyAt?: number },
  ): Promise<Answer> {
    const { id: changeId } = await this.world.db.orderChange.create({
      data: { id: newId(), deliveryId, requestKey: newId(), content },
    });
    return handle.executeUpdate(COMMANDS.changeOrder.update, {
      args: [{ changeId, by: OPS, correlationId }],
    });
  }

  handOver({ handle }: RunningDelivery, driverId: string): Promise<Answer> {
    return handle.executeUpdate(COMMANDS.handOver.update, {
      args: [{ driverId, by: OPS, override: false, meetingId: null, why: 'flat tyre', correlationId }],
    });
  }

  /** The same as a signal, as when nobody waits for the answer any more. */
  async rescueLater({ handle, deliveryId }: RunningDelivery, driverId: string): Promise<void> {
    const { id: assignmentId } = await this.world.db.assignment.findFirstOrThrow({
      where: { deliveryId, driverId, state: 'ACTIVE' },
    });
    await handle.signal(driverRescued, {
      driverId,
      offerId: null,
      assignmentId,
      by: OPS,
      why: 'accident',
      correlationId,
    });
  }

  async rescue({ handle, deliveryId }: RunningDelivery, driverId: string): Promise<Answer> {
    const { id: assignmentId } = await this.world.db.assignment.findFirstOrThrow({
      where: { deliveryId, driverId, state: 'ACTIVE' },
    });
    return handle.executeUpdate(COMMANDS.rescueDelivery.update, {
      args: [{ driverId, offerId: null, assignmentId, by: OPS, why: 'accident', correlationId }],
    });
  }

  /** Another driver comes on duty near the pickup. */
  arrives(): Promise<string> {
    return this.world.addDriver({ cityId: this.cityId, at: this.world.standard.pickup });
  }

  /** A delivery waits in vain, and a round of its city's matching proposes the driver who arrives after `meanwhile`. */
  async matched(
    meanwhile: () => Promise<void> = async () => {},
  ): Promise<{ delivery: RunningDelivery; driverId: string }> {
    const { switches, db, dispatcher } = this.world;
    switches.batchMatching = true;
    try {
      const delivery = await this.dispatch({ searchAt: new Date(Date.now() - MINUTE_MS) });
      await eventually(
        'a round has ended',
        async () => (await db.city.findUniqueOrThrow({ where: { id: this.cityId } })).matchedAt !== null,
      );
      await meanwhile();
      const driverId = await this.arrives();
      await dispatcher.callRound(this.cityId, correlationId);
      await this.offered(delivery, driverId);
      return { delivery, driverId };
    } finally {
      switches.batchMatching = false;
    }
  }

  /** Two deliveries wait, and are offered together to a driver who has room for both. */
  async offeredTogether(): Promise<{ lead: RunningDelivery; along: RunningDelivery; offer: LiveOffer }> {
    const { switches, db, dispatcher, standard } = this.world;
    switches.batchMatching = true;
    try {
      const searchAt = new Date(Date.now() - MINUTE_MS);
      const both = [await this.dispatch({ searchAt }), await this.dispatch({ searchAt })];
      for (const each of both) await this.is(each, 'SEARCHING');
      const { cityId } = this;
      const driverId = await this.world.addDriver({
        cityId,
        at: standard.pickup,
        offerVersion: 3,
        capacity: 2,
      });
      await dispatcher.callRound(cityId, correlationId);
      const offers = await eventually('both are offered', async () => {
        const live = await db.offer.findMany({
          where: { driverId, state: 'LIVE' },
          orderBy: { tripSeat: 'asc' },
        });
        return live.length === 2 ? live : undefined;
      });
      const [lead, along] = offers.map(({ deliveryId }) =>
        both.find((each) => each.deliveryId === deliveryId),
      );
      const [first] = offers;
      if (!lead || !along || !first) throw new Error('other deliveries were offered');
      return { lead, along, offer: { offerId: first.id, driverId } };
    } finally {
      switches.batchMatching = false;
    }
  }

  /** Waits until the offer is not live any more. */
  offerEnds({ offerId }: LiveOffer): Promise<true> {
    const live = { id: offerId, state: 'LIVE' };
    return eventually('the offer ends', async () => (await this.world.db.offer.count({ where: live })) === 0);
  }

  /** Waits for the level in the row. */
  reaches({ deliveryId }: RunningDelivery, level: number): Promise<true> {
    return eventually(
      `level ${level} is reached`,
      async () =>
        (await this.world.db.delivery.count({
          where: { id: deliveryId, escalationLevel: { gte: level } },
        })) === 1,
    );
  }

  /** One of those whom the broadcast asks accepts. */
  acceptBroadcast(delivery: RunningDelivery): Promise<Answer> {
    const asked = eventually(
      'a wave goes out',
      async () =>
        (await this.world.db.offer.findFirst({
          where: { deliveryId: delivery.deliveryId, state: 'LIVE', kind: 'BROADCAST' },
        })) ?? undefined,
    );
    return asked.then(({ id: offerId, driverId }) => this.accept(delivery, { offerId, driverId }));
  }

  /** The driver goes offline before the pickup, or is taken for lost, and the delivery hears of it. */
  async lose({ handle, deliveryId }: RunningDelivery, driverId: string, why = 'went offline'): Promise<void> {
    const { db } = this.world;
    const assignment = await db.assignment.findFirst({ where: { deliveryId, driverId, state: 'ACTIVE' } });
    const offer = await db.offer.findFirst({ where: { deliveryId, driverId, state: 'LIVE' } });
    await db.driver.update({ where: { id: driverId }, data: { availability: 'OFFLINE' } });
    await handle.signal(driverLeft, {
      driverId,
      offerId: offer?.id ?? null,
      assignmentId: assignment?.id ?? null,
      why,
      correlationId,
    });
  }

  /** The first driver is asked and accepts. */
  async accepted(index = 0): Promise<{ delivery: RunningDelivery; driverId: string }> {
    const driverId = this.driver(index);
    const delivery = await this.dispatch();
    await this.accept(delivery, await this.offered(delivery, driverId));
    return { delivery, driverId };
  }

  /** Puts a driver into a timed state that ends soon, with its timer, as a request through the API would. */
  async rest(driverId: string, state: 'ON_BREAK' | 'PAUSED', endsInMs: number): Promise<string> {
    const until = Date.now() + endsInMs;
    await this.world.db.driver.update({
      where: { id: driverId },
      data: { availability: state, availabilityUntil: new Date(until) },
    });
    await this.world.dispatcher.endAvailabilityLater({ driverId, state, until, correlationId });
    return availabilityWorkflowId(driverId);
  }

  /** Ends a break or pause by hand, before its time. */
  async wakeUp(driverId: string): Promise<void> {
    await this.world.availability.request(
      driverId,
      { kind: 'breakEnd' },
      { kind: 'driver', id: driverId },
      correlationId,
    );
  }

  /** One round of a sweep, as its Schedule starts it. */
  async sweep(workflowType: (typeof WORKFLOWS)[keyof typeof WORKFLOWS]): Promise<string> {
    const workflowId = `${workflowType}/${this.cityId}`;
    await this.world.env.client.workflow.execute(workflowType, {
      workflowId,
      taskQueue: TASK_QUEUE,
      workflowTaskTimeout: '2s',
    });
    return workflowId;
  }
}
