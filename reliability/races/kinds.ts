import type { OfferView, Outcome } from '../../simulator/client/service';
import type { Latencies } from '../../simulator/client/latencies';
import { ServiceUnavailableError } from '@driver-service/api-client';
import { pause, waitUntil } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';
import type { Field, RaceDriver, Slot } from './field';
import type { Answered } from './judge';

/**
 * Balances a race: the side that won waits a little longer next time, until each wins about as often. Two
 * direct transactions need no delay; a transaction against an answer through the workflow needs some.
 */
export class Balance {
  private headStartMs = 0;

  /**
   * The delay in ms that gives both sides an equal chance: positive for the accept's opponent, negative for
   * the accept.
   */
  get opponentWaitsMs(): number {
    return this.headStartMs;
  }

  note(acceptWon: boolean): void {
    this.headStartMs += acceptWon ? -BALANCE_STEP_MS : BALANCE_STEP_MS;
  }
}

const BALANCE_STEP_MS = 15;

/**
 * One delivery in one slot, and the requests of its racers. Every method returns a result, even where the
 * service does not respond.
 */
export class Heat {
  constructor(
    readonly slot: Slot,
    readonly deliveryId: string,
    readonly random: Random,
    readonly balance: Balance,
    private readonly field: Field,
    private readonly latencies: Latencies,
  ) {}

  /** The first offer of this delivery to either driver. */
  async firstOffer(): Promise<{ asked: RaceDriver; other: RaceDriver; offer: OfferView }> {
    const { near, far } = this.slot;
    return Promise.race([
      near.offerOf(this.deliveryId).then((offer) => ({ asked: near, other: far, offer })),
      far.offerOf(this.deliveryId).then((offer) => ({ asked: far, other: near, offer })),
    ]);
  }

  async accept(driver: RaceDriver, { offerId }: OfferView): Promise<Answered> {
    const askedAt = Date.now();
    const answer = await answered(() => driver.client.accept(offerId));
    this.latencies.add('accept', Date.now() - askedAt);
    return {
      asked: 'accept',
      offerId,
      driverId: driver.driverId,
      ...answerOf(answer),
      assignmentId: answer.ok ? answer.assignmentId : null,
    };
  }

  async reject(driver: RaceDriver, { offerId }: OfferView): Promise<Answered> {
    const answer = await answered(() => driver.client.reject(offerId, 'OTHER'));
    return { asked: 'reject', offerId, driverId: driver.driverId, ...answerOf(answer), assignmentId: null };
  }

  async cancel(): Promise<Answered> {
    return {
      asked: 'cancel',
      ...answerOf(await answered(() => this.field.merchant.cancel(this.deliveryId, 'CUSTOMER_CANCELLED'))),
    };
  }

  async goOffline(driver: RaceDriver): Promise<Answered> {
    return {
      asked: 'goOffline',
      driverId: driver.driverId,
      ...answerOf(await answered(() => driver.client.goOffline())),
    };
  }

  /** Sends both at once. Their order is random, within a few ms. */
  async atOnce(...acts: (() => Promise<Answered>)[]): Promise<Answered[]> {
    return Promise.all(
      acts.map(async (act) => {
        await pause(this.random.between(0, STAGGER_MS));
        return act();
      }),
    );
  }

  /** Sends an accept and a competing request at about the moment when either may win. */
  async against(
    driver: RaceDriver,
    offer: OfferView,
    opponent: () => Promise<Answered>,
  ): Promise<Answered[]> {
    const waitsMs = this.balance.opponentWaitsMs + this.random.between(-STAGGER_MS, STAGGER_MS);
    const later = async (ms: number, act: () => Promise<Answered>): Promise<Answered> => {
      await pause(Math.max(0, ms));
      return act();
    };
    const answers = await Promise.all([
      later(-waitsMs, () => this.accept(driver, offer)),
      later(waitsMs, opponent),
    ]);
    this.balance.note(answers[0].status === 200);
    return answers;
  }
}

const STAGGER_MS = 4;

async function answered<T>(ask: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ServiceUnavailableError)) throw error;
    return { ok: false, status: 0, code: 'NO_ANSWER', detail: error.message };
  }
}

function answerOf(answer: Outcome<object>): { status: number; code: string | null } {
  return answer.ok ? { status: 200, code: null } : { status: answer.status, code: answer.code };
}

export type RaceName =
  'two-drivers' | 'one-driver-twice' | 'at-expiry' | 'against-cancel' | 'against-offline' | 'worker-killed';

export type Race = {
  name: RaceName;
  words: string;
  offerTtlSeconds: number | null;
  /** Marks the orders of this race; its name by default. */
  prefix?: string;
  run: (heat: Heat) => Promise<Answered[]>;
};

/** The shortest expiry that a zone allows, so that races against expiry are fast. */
const SHORT_TTL_SECONDS = 1;
const EXPIRY_SPREAD_MS = 25;

/** The races that every release must pass. */
export const RACES: readonly Race[] = [
  {
    name: 'two-drivers',
    words: 'accepts by two drivers: an expired offer, the live one, and the other driver’s live one',
    offerTtlSeconds: SHORT_TTL_SECONDS,
    run: twoDrivers,
  },
  {
    name: 'one-driver-twice',
    words: 'two accepts by one driver at once, sometimes with a reject between',
    offerTtlSeconds: null,
    run: oneDriverTwice,
  },
  {
    name: 'at-expiry',
    words: 'accept at the instant of expiry',
    offerTtlSeconds: SHORT_TTL_SECONDS,
    run: atExpiry,
  },
  { name: 'against-cancel', words: 'accept against cancel', offerTtlSeconds: null, run: againstCancel },
  {
    name: 'against-offline',
    words: 'accept against the driver going offline',
    offerTtlSeconds: null,
    run: againstOffline,
  },
];

/**
 * The first offer expires. When the second reaches the other driver, both drivers accept both. Every other
 * time the first driver accepts during the expiry.
 */
async function twoDrivers(heat: Heat): Promise<Answered[]> {
  const { asked: first, other: second, offer: stale } = await heat.firstOffer();
  const early = heat.random.chance(0.5)
    ? waitUntil(stale.expiresAt + heat.random.between(-EXPIRY_SPREAD_MS, 0)).then(() =>
        heat.accept(first, stale),
      )
    : null;
  const won = early && (await early);
  if (won?.status === 200)
    return [
      won,
      ...(await heat.atOnce(
        () => heat.accept(first, stale),
        () => heat.accept(second, stale),
      )),
    ];
  const live = await second.offerOf(heat.deliveryId);
  const answers = await heat.atOnce(
    () => heat.accept(first, stale),
    () => heat.accept(second, live),
    () => heat.accept(first, live),
  );
  return won ? [won, ...answers] : answers;
}

async function oneDriverTwice(heat: Heat): Promise<Answered[]> {
  const { asked, offer } = await heat.firstOffer();
  const accept = (): Promise<Answered> => heat.accept(asked, offer);
  return heat.random.chance(0.7)
    ? heat.atOnce(accept, accept)
    : heat.atOnce(accept, () => heat.reject(asked, offer), accept);
}

async function atExpiry(heat: Heat): Promise<Answered[]> {
  const { asked, offer } = await heat.firstOffer();
  await waitUntil(
    offer.expiresAt - heat.balance.opponentWaitsMs + heat.random.between(-EXPIRY_SPREAD_MS, EXPIRY_SPREAD_MS),
  );
  const answer = await heat.accept(asked, offer);
  heat.balance.note(answer.status === 200);
  return [answer];
}

async function againstCancel(heat: Heat): Promise<Answered[]> {
  const { asked, offer } = await heat.firstOffer();
  return heat.against(asked, offer, () => heat.cancel());
}

async function againstOffline(heat: Heat): Promise<Answered[]> {
  const { asked, offer } = await heat.firstOffer();
  return heat.against(asked, offer, () => heat.goOffline(asked));
}
