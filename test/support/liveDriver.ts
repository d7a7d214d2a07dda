import { connectEvents, type EventSocket } from '@driver-service/api-client';
import { v7 as newId } from 'uuid';
import type { Step } from '../../domain/delivery/status';
import type { Point } from '../../domain/geo/places';
import type { Connections } from '../../simulator/client/connections';
import { type DriverClient, type OpsClient, requireSuccess } from '../../simulator/client/service';
import { eventually } from './eventually';

/** One event as it came over the socket. */
type Heard = { event: string; body: Record<string, unknown> };

/** A driver with a real app: HTTP to answer, a socket to hear. */
export class LiveDriver {
  readonly heard: Heard[] = [];

  private constructor(
    readonly driverId: string,
    readonly client: DriverClient,
    private readonly socket: EventSocket<'driver'>,
    private readonly place: Point,
  ) {}

  /** On duty, connected, with a known place. */
  static async start(
    connections: Connections,
    ops: OpsClient,
    {
      cityId,
      at,
      offerVersion,
      name,
    }: { cityId: string; at: Point; offerVersion: number | null; name: string },
    record: (event: string, body: unknown) => void,
  ): Promise<LiveDriver> {
    const driverId = newId();
    requireSuccess('a driver', await ops.putDriver({ driverId, cityId, name, vehicle: 'CAR', offerVersion }));
    const client = await (offerVersion === null
      ? connections.v1Driver(driverId)
      : connections.driver(driverId));
    const token = await connections.login({ role: 'driver', driverId });
    const socket = connectEvents<'driver'>({ baseUrl: connections.apiUrl, token });
    const driver = new LiveDriver(driverId, client, socket, at);
    socket.onAny((event: string, body: Record<string, unknown>) => {
      driver.heard.push({ event, body });
      record(event, body);
    });
    await driver.sendPlace();
    requireSuccess('the shift', await client.startShift(null));
    await driver.hears('STATE');
    return driver;
  }

  async sendPlace(): Promise<void> {
    requireSuccess('a place', await this.client.sendPositions([{ point: this.place, at: Date.now() }]));
  }

  /** Waits for an event that is about this. @returns its body */
  async hears(
    event: string,
    about: Record<string, unknown> = {},
    withinMs = 15_000,
  ): Promise<Record<string, unknown>> {
    const isAbout = (body: Record<string, unknown>): boolean =>
      Object.entries(about).every(([key, value]) => body[key] === value);
    const found = await eventually(
      `${event} is heard`,
      async () => this.heard.find((each) => each.event === event && isAbout(each.body)),
      { withinMs },
    );
    return found.body;
  }

  /** The offer of this delivery. @returns its id */
  async asked(deliveryId: string, withinMs?: number): Promise<string> {
    return String((await this.hears('DELIVERY_OFFERED_V2', { deliveryId }, withinMs)).offerId);
  }

  /** The app says that it shows the offer. @returns the acknowledgement */
  async shows(offerId: string): Promise<unknown> {
    return this.socket.emitWithAck('OFFER_SEEN', { offerId });
  }

  accept(offerId: string): ReturnType<DriverClient['accept']> {
    return this.client.accept(offerId);
  }

  async go(deliveryId: string, ...steps: Step[]): Promise<void> {
    for (const step of steps) requireSuccess(step, await this.client.step(deliveryId, step, Date.now()));
  }

  forget(): void {
    this.heard.length = 0;
  }

  close(): void {
    this.socket.disconnect();
  }
}
