import type { Connections } from '../../simulator/client/connections';
import { pause } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';
import { LoadCity } from '../load/city';
import type { DatabaseReader } from '../postgres';
import { HandoverGate } from './handoverGate';
import { Orders } from './orders';
import { planArrivals } from './plan';
import { type Percentiles, percentilesOf, timesOf, withoutWaits } from './samples';
import type { Measured } from './verdict';

/**
 * A part of a run at one rate. `waited` of `offers` came after a search that found nobody; they are excluded
 * from `measured`. `lagMs`: the lag of this process.
 */
export type Part = {
  rate: number;
  orders: number;
  measured: Measured;
  offers: number;
  waited: number;
  open: { min: number; max: number };
  lagMs: Percentiles;
  failures: string[];
};

export type FieldOptions = { drivers: number; keepOpen: number; random: Random };

/** Share of all orders: enough for a sample, few enough to be the exception. */
const LOSS_SHARE = 0.12;
const PLACES_EVERY_MS = 20_000;
const HAND_OVER_EVERY_MS = 200;
/** Low rates would otherwise make deliveries last minutes. */
const LONGEST_LIFE_MS = 60_000;

/** A city with its orders, over any number of parts. */
export class Field {
  private readonly over = new AbortController();
  private readonly deliveryIds: string[] = [];
  private parts = 0;

  private constructor(
    private readonly city: LoadCity,
    private readonly window: DatabaseReader,
    private readonly gate: HandoverGate,
    private readonly orders: Orders,
    private readonly options: FieldOptions,
  ) {}

  static async open(connections: Connections, window: DatabaseReader, options: FieldOptions): Promise<Field> {
    const city = await LoadCity.open(connections, {
      name: 'latency',
      drivers: options.drivers,
      random: options.random.stream('city'),
    });
    const gate = new HandoverGate(options.keepOpen);
    const field = new Field(city, window, gate, new Orders(city, gate), options);
    void field.keepPlaces();
    return field;
  }

  /** Places orders until enough are open. Nothing is measured. */
  async fill(rate: number, signal: AbortSignal): Promise<void> {
    await this.run(rate, { orders: this.options.keepOpen + 1 }, signal);
    this.gate.openSince();
  }

  async measure(rate: number, seconds: number, signal: AbortSignal): Promise<Part> {
    const { samples, deliveryIds, lagMs, failures } = await this.run(rate, { seconds }, signal);
    const { kept, waited } = withoutWaits(samples, await this.window.offerRounds(deliveryIds));
    const measured = {
      offer: percentilesOf(timesOf(kept, 'offer')),
      accept: percentilesOf(timesOf(kept, 'accept')),
      reassignment: percentilesOf(timesOf(kept, 'reassignment')),
    };
    const offers = measured.offer.count + measured.reassignment.count + waited;
    return {
      rate,
      orders: deliveryIds.length,
      measured,
      offers,
      waited,
      open: this.gate.openSince(),
      lagMs: percentilesOf(lagMs),
      failures,
    };
  }

  /**
   * Completes all deliveries one after the other; all at once would be a different load.
   * @returns PostgreSQL's record of all orders of the field, and failures after the measurement
   */
  async finish(): Promise<{
    posted: number;
    offered: number;
    delivered: number;
    failures: string[];
    retries: number;
  }> {
    const ended = this.orders.ended();
    const isOver = new AbortController();
    void ended.then(() => isOver.abort());
    while (await pause(HAND_OVER_EVERY_MS, isOver.signal)) this.gate.releaseOne();
    const failures = await ended;
    const [offered, delivered] = [
      await this.window.offered(this.deliveryIds),
      await this.window.delivered(this.deliveryIds),
    ];
    return {
      posted: this.deliveryIds.length,
      offered,
      delivered,
      failures,
      retries: this.city.client.retries,
    };
  }

  close(): void {
    this.over.abort();
    this.city.close();
  }

  private async run(
    rate: number,
    { seconds, orders }: { seconds?: number; orders?: number },
    signal: AbortSignal,
  ): ReturnType<Orders['run']> {
    const random = this.options.random.stream(`part ${(this.parts += 1)}`);
    const planned = planArrivals({
      rate,
      seconds: seconds ?? (2 * (orders ?? 0)) / rate + 60,
      lossShare: orders === undefined ? LOSS_SHARE : 0,
      random,
    });
    const lifeMs = Math.min((this.options.keepOpen / rate) * 1_000, LONGEST_LIFE_MS);
    const run = await this.orders.run({ arrivals: planned.slice(0, orders), lifeMs, signal });
    this.deliveryIds.push(...run.deliveryIds);
    return run;
  }

  /** One driver after the other, to avoid a burst. */
  private async keepPlaces(): Promise<void> {
    const { drivers } = this.city;
    for (let turn = 0; await pause(PLACES_EVERY_MS / drivers.length, this.over.signal); turn += 1) {
      void drivers[turn % drivers.length]
        ?.sendPlace()
        .catch((error: unknown) => process.stderr.write(`a place: ${String(error)}\n`));
    }
  }
}
