import { z } from 'zod';
import {
  isWithin,
  type MatchPolicy,
  type TunableWeight,
  WEIGHT_BOUNDS,
} from '../../domain/matching/policies';
import type { CityMatchingRow, PolicyRow } from '../../services/matching/policies';
import type { ShadowReport } from '../../services/matching/shadowReports';
import { instantText, iso, slug } from '../http/fields';

/** What a policy may change, each weight within its bounds. */
export const weightsBody = z
  .strictObject({
    lookAheadMs: weight('lookAheadMs'),
    goodsWait: weight('goodsWait'),
    driverTime: weight('driverTime'),
    driverTimePressed: weight('driverTimePressed'),
    maxPressure: weight('maxPressure'),
    tripTime: weight('tripTime'),
    driverWaits: weight('driverWaits'),
    lateness: weight('lateness'),
    targetMs: weight('targetMs'),
    latenessCushionMs: weight('latenessCushionMs'),
    payMsPerCent: weight('payMsPerCent'),
    jobsAnHour: weight('jobsAnHour'),
    fairnessMsPerCent: weight('fairnessMsPerCent'),
    refusalMs: weight('refusalMs'),
    unmatchedMs: weight('unmatchedMs'),
    waiting: weight('waiting'),
    levelMs: weight('levelMs'),
    maxBundle: weight('maxBundle'),
    bundleExtraMs: weight('bundleExtraMs'),
    safetyMs: weight('safetyMs'),
  } satisfies Record<TunableWeight, z.ZodType>)
  .meta({ id: 'MatchWeights', description: 'The weights that differ from those of the release' });

function weight(name: TunableWeight): z.ZodOptional<z.ZodNumber> {
  const { min, max } = WEIGHT_BOUNDS[name];
  return z
    .number()
    .min(min)
    .max(max)
    .refine((value) => isWithin(name, value), 'must be a whole number')
    .optional();
}

const named = { name: slug, version: z.int() };
export const policyView = z
  .strictObject({ ...named, weights: weightsBody, by: z.string(), why: z.string(), at: instantText })
  .meta({ id: 'MatchPolicy' });
export const policyListView = z
  .strictObject({
    policies: z.array(policyView).meta({ description: 'The last 200 versions, newest first' }),
  })
  .meta({ id: 'MatchPolicyList' });

const chosen = z.strictObject(named);
export const cityMatchingView = z
  .strictObject({
    cityId: z.string(),
    live: chosen,
    livePercent: z.int().meta({ description: 'The share of its time in which the live policy decides' }),
    liveSince: instantText.nullable().meta({ description: 'Null: nobody has chosen' }),
    shadow: chosen.nullable().meta({ description: 'Decides beside the live policy, and does nothing' }),
    lastChange: z.strictObject({ by: z.string(), why: z.string(), at: instantText }).nullable(),
    lastChangeId: z.string().nullable(),
  })
  .meta({ id: 'CityMatching' });

const spread = z
  .strictObject({ mean: z.number().nullable(), p50: z.number().nullable(), p90: z.number().nullable() })
  .meta({ id: 'Spread', description: 'Null: nothing to count' });
const expected = z
  .strictObject({
    toPickupMs: spread,
    latenessMs: spread,
    payToComeCents: spread,
    earnedOverMeanCents: spread.meta({
      description: 'Earnings today of the drivers chosen, over the mean of their city: below 0 is fairer',
    }),
    acceptOdds: spread,
    drivers: z.int(),
    payOfDriverSpreadCents: z.number().nullable().meta({
      description: 'How unevenly pay would be spread: the standard deviation of the sums of the drivers',
    }),
  })
  .meta({ id: 'ShadowExpected' });
export const shadowReportView = z
  .strictObject({
    cityId: z.string(),
    policy: chosen,
    from: instantText,
    to: instantText,
    agreement: z.strictObject({
      rounds: z.int().meta({ description: 'Rounds with an offer by either. At most the newest 5,000' }),
      deliveries: z
        .int()
        .meta({ description: 'Offered by the live policy; each in the round of its first offer' }),
      share: z.number().nullable().meta({ description: 'Of the deliveries: the same driver, at once' }),
      sameDriver: z.int(),
      otherDriver: z.int(),
      heldByShadow: z.int(),
      nobodyByShadow: z.int(),
      earlierByShadow: z.int().meta({ description: 'Offered by the shadow while the live policy did not' }),
    }),
    expected: z
      .strictObject({ pairs: z.int(), live: expected, shadow: expected })
      .nullable()
      .meta({ description: 'Of the deliveries for which both had a driver' }),
    happened: z
      .strictObject({
        deliveries: z.int(),
        accepted: z.int(),
        rejected: z.int(),
        lapsed: z.int(),
        open: z.int(),
        delivered: z.int(),
        toPickupMs: spread,
        latenessMs: spread,
        payCents: spread,
      })
      .meta({ description: 'What became of the deliveries that the live policy offered' }),
    notKnown: z.array(z.string()).meta({ description: 'What this report cannot tell' }),
  })
  .meta({ id: 'ShadowReport' });

/** What a shadow cannot know, told with every report. */
const NOT_KNOWN = [
  'Whether a driver chosen by the shadow would have accepted: acceptOdds is an estimate from their last answers.',
  'What the shadow would have met later: each round begins from what the live policy had done.',
  'How long a delivery held by the shadow would have waited in the end.',
  'Expected times use estimated travel times for both; compare them with each other, not with what happened.',
];

export function showPolicy({ name, version, weights, who, why, at }: PolicyRow): Record<string, unknown> {
  return { name, version, weights, by: who, why, at: iso(at) };
}

export function showCityMatching(
  cityId: string,
  { live, livePercent, liveSince, shadow, last, changeId }: CityMatchingRow,
): Record<string, unknown> {
  return {
    cityId,
    live: nameOf(live),
    livePercent,
    liveSince: last && iso(liveSince),
    shadow: shadow && nameOf(shadow),
    lastChange: last && { by: last.who, why: last.why, at: iso(last.at) },
    lastChangeId: changeId,
  };
}

export function showShadowReport(
  { cityId, from, to }: { cityId: string; from: number; to: number },
  { policy, agreement, expected: beside, happened }: ShadowReport,
): Record<string, unknown> {
  const { deliveries, sameDriver } = agreement;
  return {
    cityId,
    policy: nameOf(policy),
    from: iso(from),
    to: iso(to),
    agreement: { ...agreement, share: deliveries === 0 ? null : sameDriver / deliveries },
    expected: beside,
    happened,
    notKnown: NOT_KNOWN,
  };
}

const nameOf = ({ name, version }: MatchPolicy): { name: string; version: number } => ({ name, version });
