import type { OfferView, Outcome } from '../../simulator/client/service';
import type { Latencies } from '../../simulator/client/latencies';
import { ServiceUnavailableError } from '@driver-service/api-client';
import { pause, waitUntil } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';
import type { Field, RaceDriver, Slot } from './field';
import type { Answered } from './judge';

/**
 * Keeps a race open: where one side wins, the other gets a head start next time, until each wins about as
 * often. Two acts that are as fast as each other need none; a transaction against an answer that goes through
 * the workflow needs some.
 */
export class Balance {
  private headStartMs = 0;

  /**
   * How many ms an act must wait so that an accept has as good a chance: positive for the accept's opponent,
   * negative for the accept itself.
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
 * One delivery in one slot, and what the racers may do with it. Every method answers, also where the service
 * does not.
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

  /** The next offer of this delivery to one of the two. */
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

  /** Both at once: which of them gets to the service first is drawn, within a few ms. */
  async atOnce(...acts: (() => Promise<Answered>)[]): Promise<Answered[]> {
    return Promise.all(
      acts.map(async (act) => {
        await pause(this.random.between(0, STAGGER_MS));
        return act();
      }),
    );
  }

  /** An accept and what would undo it, at about the moment at which either may win. */
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
  /** Tells the orders of this run of it from those of others; else the name does. */
  prefix?: string;
  run: (heat: Heat) => Promise<Answered[]>;
};

/** The shortest that a zone can set, so that races against the expiry need not wait long. */
const SHORT_TTL_SECONDS = 1;
const EXPIRY_SPREAD_MS = 25;

/** Issue 3, 'Must show'. */
export const RACES: readonly Race[] = [
  {
    name: 'two-drivers',
    words: 'accept by two drivers: a stale offer, the live one, and the live one of the other',
    offerTtlSeconds: SHORT_TTL_SECONDS,
    run: twoDrivers,
  },
  {
    name: 'one-driver-twice',
    words: 'accept by one driver twice at once, now and then with a reject between',
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
 * The first offer lapses; as soon as the second comes to the other driver, all accept all. Every other time
 * the first one accepts while it lapses.
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
