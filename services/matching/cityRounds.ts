import { readPastChoices, readUnmatched, type UnmatchedRow } from '../../adapters/postgres/matchingRows';
import { noteRound } from '../../adapters/postgres/guardRailRows';
import { readCityMatching } from '../../adapters/postgres/policyRows';
import { type Point, stopAt, travelEstimateMs } from '../../domain/geo/places';
import { type RankingLimits } from '../../domain/matching/candidate';
import { policyInForce, TURN_MS as POLICY_TURN_MS, type WeightChanges } from '../../domain/matching/policies';
import { notBeforeOf, type PastChoice } from '../../domain/matching/refusals';
import {
  type MatchDelivery,
  type MatchDriver,
  type Round,
  type RoundInput,
} from '../../domain/matching/round';
import { happensAt, meantDelivery, meantDriver } from '../../domain/matching/scaledTime';
import { ROUND_WITHIN_MS } from '../../workflows/contract';
import { type Clock, type Dispatcher, type Features, type Log, type NewId } from '../ports';
import { inPieces } from '../inPieces';
import { inTurns } from './inTurns';
import { isMatched } from './isMatched';
import { roundSeconds, rounds } from './matchingMetrics';
import { driversFor, type RoundDriversDeps } from './roundDrivers';
import { type ShadowRounds } from './shadowRounds';

export type CityRoundsDeps = RoundDriversDeps & {
  dispatcher: Pick<Dispatcher, 'propose'>;
  features: Features;
  /** Who is asked for what: pure, in short steps. `changes`: what the policy changes of the standard weights. */
  decide: (input: RoundInput<Point>, changes: WeightChanges) => Generator<void, Round>;
  /** Decides a second time where the city has a policy in shadow. */
  shadow: Pick<ShadowRounds, 'consider'>;
  clock: Clock;
  newId: NewId;
  limits: { matchingNetMs: number };
  log: Pick<Log, 'warn'>;
};

/** `comeBackInMs`: when the next round is due if nothing changes before; null = nobody waits. */
export type RoundReport = {
  waiting: number;
  free: number;
  proposed: number;
  held: number;
  comeBackInMs: number | null;
};

/** What the owner of a city's matching calls. */
export type CityRounds = {
  /**
   * One round: reads who waits and who is free or soon will be, and proposes drivers. It may be repeated, and two may
   * run at once: each delivery's own transaction holds its driver, or does not.
   */
  runRound(city: { cityId: string; correlationId: string }): Promise<RoundReport>;
};

/** The most deliveries that a round reads. Those beyond have their turn when these are served. */
const MOST_WAITING = 2_000;
/** The most pairs that a round weighs, so that it is in time. The most urgent deliveries take part. */
const MOST_PAIRS = 1_000_000;
/** How many proposals are sent at once. */
const AT_ONCE = 20;

export function createCityRounds(deps: CityRoundsDeps): CityRounds {
  return {
    runRound: async ({ cityId, correlationId }) => {
      const stop = roundSeconds.startTimer();
      try {
        const { outcome, ...report } = await round(deps, cityId, correlationId);
        rounds.inc({ outcome });
        return report;
      } catch (error) {
        rounds.inc({ outcome: 'failed' });
        await noteRound(deps.read, cityId, { at: deps.clock(), end: 'failed' }).catch(() => undefined); // also away
        throw error;
      } finally {
        stop();
      }
    },
  };
}

type Outcome = 'proposed' | 'held' | 'in_vain' | 'nobody_waits' | 'slow';

async function round(
  deps: CityRoundsDeps,
  cityId: string,
  correlationId: string,
): Promise<RoundReport & { outcome: Outcome }> {
  const { clock, features, read } = deps;
  const now = clock();
  const [rows, matching] = await Promise.all([
    readUnmatched(read, { cityId, limit: MOST_WAITING, now }),
    readCityMatching(read, cityId),
  ]);
  const turnMs = POLICY_TURN_MS / deps.timeScale;
  const live = policyInForce(matching, cityId, { at: now, turnMs });
  const waiting = rows.filter(({ deliveryId }) => isMatched(features, { cityId, deliveryId }));
  if (waiting.length === 0)
    return { waiting: 0, free: 0, proposed: 0, held: 0, comeBackInMs: null, outcome: 'nobody_waits' };
  const { drivers, askable: free } = await driversFor(deps, cityId, waiting, now);
  const input = free.size === 0 ? null : await inputOf(deps, waiting, drivers, now);
  const decided = input === null ? NOTHING : await inTurns(deps.decide(input, live.weights));
  const isLate = clock() - now > ROUND_WITHIN_MS;
  const offers = isLate ? [] : decided.offers.filter(({ driverId }) => free.has(driverId));
  const failed = await propose(deps, offers, correlationId);
  await noteRound(read, cityId, { at: clock(), end: isLate ? 'slow' : 'ended' });
  if (input && matching.shadow)
    deps.shadow.consider({
      cityId,
      input,
      askable: free,
      live: { policy: live, round: decided },
      policy: matching.shadow,
      tookMs: clock() - now,
    });
  const held = decided.held.length + decided.offers.length - offers.length;
  return {
    waiting: waiting.length,
    free: free.size,
    proposed: offers.length - failed,
    held,
    comeBackInMs: failed > 0 ? AFTER_FAILED_MS : comeBackInMs(deps, decided, now),
    outcome: isLate ? 'slow' : offers.length > 0 ? 'proposed' : held > 0 ? 'held' : 'in_vain',
  };
}

/** Nobody can be asked: who comes free is a change, and calls for a round. */
const NOTHING: Round = { offers: [], held: [], unmatched: [], comeBackAt: null };

/** The wait before a proposal that could not be sent is made again. */
const AFTER_FAILED_MS = 2_000;

/** While deliveries wait, rounds come often enough that none searches by itself. */
function comeBackInMs(
  { clock, timeScale, limits: { matchingNetMs } }: CityRoundsDeps,
  { comeBackAt }: Round,
  now: number,
): number {
  const latest = now + Math.round(matchingNetMs / 2);
  const at = comeBackAt === null ? latest : Math.min(happensAt(comeBackAt, now, timeScale), latest);
  return Math.max(0, at - clock());
}

// ---- deciding ----

/** The most urgent deliveries, as many as can be weighed. */
async function inputOf(
  deps: CityRoundsDeps,
  waiting: readonly UnmatchedRow[],
  drivers: readonly MatchDriver<Point>[],
  now: number,
): Promise<RoundInput<Point>> {
  const weighed = waiting.slice(0, Math.max(1, Math.floor(MOST_PAIRS / Math.max(1, drivers.length))));
  const past = await readPastChoices(
    deps.read,
    weighed.map(({ deliveryId }) => deliveryId),
  );
  const { travel, timeScale, limits } = deps;
  return {
    now,
    deliveries: weighed
      .map((row) => deliveryOf(row, past.get(row.deliveryId) ?? [], now, limits.ranking))
      .map((delivery) => meantDelivery(delivery, now, timeScale)),
    drivers: drivers.map((driver) => meantDriver(driver, now, timeScale)),
    travel: (from, to, vehicle) => travelEstimateMs(from, to, vehicle, travel),
  };
}

function deliveryOf(
  { pickup, dropoff, widenedToMeters: _, ...row }: UnmatchedRow,
  past: readonly PastChoice[],
  now: number,
  limits: RankingLimits,
): MatchDelivery<Point> {
  return {
    ...row,
    pickup: stopAt(pickup),
    dropoff: stopAt(dropoff),
    notBefore: notBeforeOf(past, row, now, limits),
  };
}

// ---- proposing ----

/** @returns how many could not be sent */
async function propose(
  { dispatcher, newId, log }: CityRoundsDeps,
  offers: Round['offers'],
  correlationId: string,
): Promise<number> {
  const roundId = newId();
  const proposals = offers.flatMap(({ driverId, deliveryIds: [deliveryId, ...along], parts }) => {
    if (deliveryId === undefined) return [];
    const others = along.length > 0 ? { along } : {};
    return [{ deliveryId, proposal: { driverId, roundId, parts, ...others, correlationId } }];
  });
  let failed = 0;
  for (const some of inPieces(proposals, AT_ONCE))
    await Promise.all(
      some.map(({ deliveryId, proposal }) =>
        dispatcher.propose(deliveryId, proposal).catch((error: unknown) => {
          failed++;
          log.warn(
            { err: error, deliveryId, roundId },
            'a proposal could not be sent; the next round makes it again',
          );
        }),
      ),
    );
  return failed;
}
