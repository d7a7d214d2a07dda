import { v7 as newCorrelationId } from 'uuid';
import { type Actor } from '../../domain/delivery/status';
import { decideFeature } from '../../domain/features/rollout';
import { effectiveSince, type FeatureInCity, withoutCity } from '../../domain/features/featureInCity';
import {
  type Breach,
  breachOf,
  breachWords,
  GUARD_RAILS,
  type GuardRailLimits,
  type WatchedDelivery,
} from '../../domain/matching/guardRails';
import { guardRailNotice } from '../../domain/matching/guardRailNotice';
import { policyInForce, STANDARD_POLICY, TURN_MS } from '../../domain/matching/policies';
import { MATCH_WEIGHTS } from '../../domain/matching/weights';
import { type Database, readerOf } from '../../adapters/postgres/database';
import { readFeatureRows } from '../../adapters/postgres/featureRows';
import {
  readPlenty,
  readRoundCounts,
  readWatched,
  type WatchedRow,
} from '../../adapters/postgres/guardRailRows';
import { type CityMatchingRow, readCityMatching } from '../../adapters/postgres/policyRows';
import { readCityIds } from '../../adapters/postgres/presenceRows';
import { type FeatureRegistry } from '../features/featureRegistry';
import { type FeatureService } from '../features/featureService';
import { type Clock, type Log } from '../ports';
import { guardRailBreaches } from './matchingMetrics';
import { type MatchPolicies } from './policies';

export type GuardRailsDeps = {
  db: Database;
  registry: Pick<FeatureRegistry, 'environment' | 'isOn'>;
  features: Pick<FeatureService, 'put'>;
  policies: Pick<MatchPolicies, 'choose'>;
  clock: Clock;
  settings: { windowMs: number; minSample: number; unassignedMs: number };
  /** Divides business durations that are not in the settings. */
  timeScale: number;
  log: Pick<Log, 'warn'>;
};

/** What a sweep did: cities that are matched, and those where something was switched off. */
export type GuardRailsReport = { cities: number; switchedOff: number };

/** Switch off what hurts, by themselves (docs/operations.md#ramp, ADR 57). */
export type GuardRails = {
  /**
   * Judges each city that is matched. What it switched off stays off until a person chooses otherwise. May be repeated,
   * and two may run at once.
   * @throws the first failure, after the other cities
   */
  check(): Promise<GuardRailsReport>;
};

const ACTOR: Actor = { kind: 'system', id: 'guard-rail' };
/** The newest deliveries of a window that are judged. */
const MOST_WATCHED = 5_000;
/** Where two policies take turns, this many turns are compared at least. */
const TURNS_COMPARED = 16;
/** How far back changes of the feature are followed. */
const CHANGES = 20;
/** Figures of the zones are computed each minute; older ones say nothing about now. */
const HEALTH_FRESH_MS = 300_000;

export function createGuardRails(deps: GuardRailsDeps): GuardRails {
  return {
    check: async () => {
      const report: GuardRailsReport = { cities: 0, switchedOff: 0 };
      const rows = await readFeatureRows(deps.db, ['batch_matching'], CHANGES);
      const environment = deps.registry.environment('batch_matching');
      if (environment === null) return report;
      const cityIds = await readCityIds(deps.db);
      const failures: unknown[] = [];
      for (const cityId of cityIds) {
        const feature = effectiveSince(environment, rows, cityId);
        if (!feature.isOn) continue;
        report.cities++;
        const isOff = await checkCity(deps, { cityId, cityIds, feature }).catch((error: unknown) => {
          failures.push(error);
          return false;
        });
        // Its row says more than the others know: they have their turn in a minute.
        if (isOff) {
          report.switchedOff++;
          break;
        }
      }
      if (failures.length > 0) throw failures[0];
      return report;
    },
  };
}

type City = { cityId: string; cityIds: readonly string[]; feature: FeatureInCity };

/** @returns whether something was switched off */
async function checkCity(deps: GuardRailsDeps, city: City): Promise<boolean> {
  const matching = await readCityMatching(readerOf(deps.db), city.cityId);
  const breach = await breachIn(deps, city, matching);
  if (breach === null) return false;
  const isPolicy = matching.live.name !== STANDARD_POLICY.name && matching.livePercent > 0;
  const isOff = isPolicy
    ? await dropPolicy(deps, city, matching, breach)
    : await dropFeature(deps, city, breach);
  if (!isOff) return false; // a person was faster; what they chose is judged from now on
  const switched = isPolicy ? 'policy' : 'feature';
  guardRailBreaches.inc({ rail: breach.rail, switched });
  deps.log.warn({ cityId: city.cityId, switched, ...breach }, 'a guard rail has switched matching off');
  return true;
}

async function breachIn(deps: GuardRailsDeps, city: City, matching: CityMatchingRow): Promise<Breach | null> {
  const { db, clock, settings, timeScale } = deps;
  const read = readerOf(db);
  const now = clock();
  const turnMs = TURN_MS / timeScale;
  const takesTurns =
    matching.live.name !== STANDARD_POLICY.name && matching.livePercent > 0 && matching.livePercent < 100;
  const chosenAt = Math.max(city.feature.since, matching.liveSince);
  const sinceOf = (windowMs: number): number => Math.max(chosenAt, now - windowMs);
  const limits = limitsOf(deps);
  const { cityId } = city;
  const [rounds, plenty] = await Promise.all([
    readRoundCounts(read, cityId, sinceOf(settings.windowMs)),
    readPlenty(read, cityId, now - HEALTH_FRESH_MS),
  ]);
  const arePlenty = plenty !== null && plenty.free > plenty.waiting;
  const watchedSince = async (since: number): Promise<WatchedRow[]> => {
    const rows = await readWatched(read, { cityId, since, now, limit: MOST_WATCHED });
    return rows.filter(({ deliveryId: key }) => deps.registry.isOn('driver_offers', { cityId, key }));
  };
  const isDrawn = ({ deliveryId: key }: WatchedRow): boolean =>
    decideFeature(city.feature.setting, { cityId, key }).on;
  const watched = (await watchedSince(sinceOf(settings.windowMs))).map((row) =>
    watchedOf(row, { isTreated: isDrawn(row), turn: null }, { now, timeScale }),
  );
  const breach = breachOf({ deliveries: watched, rounds, arePlenty }, limits);
  if (breach !== null || !takesTurns) return breach;
  const drawn = (await watchedSince(sinceOf(Math.max(settings.windowMs, TURNS_COMPARED * turnMs)))).filter(
    isDrawn,
  );
  const inTurns = drawn.map((row) => {
    const policy = policyInForce(matching, cityId, { at: row.searchAt, turnMs });
    const treatment = { isTreated: policy === matching.live, turn: Math.floor(row.searchAt / turnMs) };
    return watchedOf(row, treatment, { now, timeScale });
  });
  return breachOf({ deliveries: inTurns, rounds, arePlenty }, limits);
}

function limitsOf({ settings: { minSample, unassignedMs }, timeScale }: GuardRailsDeps): GuardRailLimits {
  const { timeToAssign } = GUARD_RAILS;
  return {
    ...GUARD_RAILS,
    minSample,
    unassignedMs,
    timeToAssign: {
      factor: timeToAssign.factor,
      margin: timeToAssign.margin / timeScale,
      worst: timeToAssign.worst / timeScale,
    },
  };
}

function watchedOf(
  row: WatchedRow,
  treatment: Pick<WatchedDelivery, 'isTreated' | 'turn'>,
  { now, timeScale }: { now: number; timeScale: number },
): WatchedDelivery {
  const dueAt = row.windowTo ?? row.placedAt + MATCH_WEIGHTS.targetMs / timeScale;
  const { acceptedAt, assignedAt, closedAt, deliveredAt, accepted, refused } = row;
  const isOver = closedAt !== null && deliveredAt === null;
  return {
    ...treatment,
    waitedMs: (acceptedAt ?? assignedAt ?? closedAt ?? now) - row.searchAt,
    isAssigned: acceptedAt !== null,
    accepted,
    refused,
    isLate: isOver ? null : deliveredAt !== null ? deliveredAt > dueAt : now > dueAt ? true : null,
  };
}

async function dropPolicy(
  { policies, clock }: GuardRailsDeps,
  { cityId }: City,
  { live, shadow, changeId }: CityMatchingRow,
  breach: Breach,
): Promise<boolean> {
  const answer = await policies.choose(
    cityId,
    { live: { name: STANDARD_POLICY.name, version: null }, livePercent: 100, shadow, after: changeId },
    {
      by: ACTOR,
      why: breachWords(breach),
      correlationId: newCorrelationId(),
      messages: [guardRailNotice({ cityId, what: `policy ${live.name}`, breach, at: clock() })],
    },
  );
  return answer.outcome === 'done';
}

async function dropFeature(
  { features, clock }: GuardRailsDeps,
  { cityId, cityIds, feature }: City,
  breach: Breach,
): Promise<boolean> {
  const answer = await features.put(
    'batch_matching',
    { ...withoutCity(feature, { cityId, cityIds }), after: feature.changeId },
    {
      who: ACTOR.id,
      kind: 'system',
      why: breachWords(breach),
      messages: [guardRailNotice({ cityId, what: 'batch_matching', breach, at: clock() })],
    },
    newCorrelationId(),
  );
  return answer.outcome === 'done' && answer.changed;
}
