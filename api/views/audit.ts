import { z } from 'zod';
import type { AuditProblem, ChainedEntry, FollowedChain } from '../../domain/audit/auditChain';
import { type ChoiceWay, explainChoice, isExclusion } from '../../domain/matching/explainChoice';
import type { Exclusion } from '../../domain/matching/exclusion';
import { MATCH_TERMS } from '../../domain/matching/costTerms';
import type { Caller } from '../auth/caller';
import { instantText, iso } from '../http/fields';
import type { AuditCheckRow, AuditEntryRow, CaseRows } from '../queries/audit';
import type { DeliverySummaryRow } from '../queries/deliveries';
import { deliveryView, showDelivery } from './delivery';

const hash = z.string().meta({ description: 'SHA-256 in hex' });

const entryView = z
  .strictObject({
    entryId: z.uuid(),
    at: instantText,
    kind: z.string(),
    cityId: z.string(),
    deliveryId: z.uuid().nullable(),
    driverId: z.uuid().nullable(),
    merchantId: z.string().nullable(),
    sellerOrderId: z.string().nullable(),
    actor: z.strictObject({ kind: z.string(), id: z.string() }),
    from: z.string().nullable(),
    to: z.string().nullable(),
    why: z.string().nullable(),
    correlationId: z.string(),
    deviceAt: instantText.nullable(),
    detail: z.unknown(),
    chain: z.string().meta({ description: 'delivery/<id> or driver/<id>' }),
    previousHash: hash.nullable(),
    hash,
  })
  .meta({ id: 'AuditEntry' });
export type EntryView = z.output<typeof entryView>;

export const entryListView = z
  .strictObject({ entries: z.array(entryView), nextCursor: z.string().nullable() })
  .meta({ id: 'AuditEntryList' });

const problemView = z
  .strictObject({
    chain: z.string(),
    entryId: z.string().nullable(),
    cityId: z.string().nullable(),
    detail: z.string(),
    kind: z.enum(['CONTENT_DIFFERS', 'LINK_MISSING', 'TWO_FOLLOW', 'HEAD_DIFFERS', 'NO_ENTRIES', 'NO_ROW']),
  })
  .meta({
    id: 'AuditProblem',
    description: 'An inconsistency in an audit chain; entryId null: it concerns the whole chain',
  });

export const checkResultView = z
  .strictObject({
    deliveryId: z.uuid(),
    chain: z.string(),
    entries: z.int(),
    verified: z.boolean(),
    problems: z.array(problemView),
  })
  .meta({ id: 'AuditCheckResult' });

export const checkListView = z
  .strictObject({
    checks: z.array(
      z.strictObject({
        checkId: z.int(),
        startedAt: instantText,
        finishedAt: instantText.nullable().meta({ description: 'Null: running or interrupted' }),
        checkedTo: instantText.meta({
          description: 'The check covers chains with entries up to this instant',
        }),
        chains: z.int(),
        entries: z.int(),
        problemCount: z.int(),
        problems: z
          .array(problemView)
          .meta({ description: 'The first 100, without those of cities that the caller may not see' }),
      }),
    ),
  })
  .meta({ id: 'AuditCheckList' });

const offerView = z.strictObject({
  offerId: z.uuid(),
  driverId: z.uuid(),
  kind: z.string(),
  state: z.string(),
  round: z.int(),
  payCents: z.int(),
  createdAt: instantText,
  expiresAt: instantText,
  reachedAt: instantText.nullable(),
  endedAt: instantText.nullable(),
  endReason: z.string().nullable(),
  why: z.array(z.string()).meta({ description: 'Sentences that explain why this driver was asked' }),
  choice: z.unknown(),
});

const assignmentView = z.strictObject({
  assignmentId: z.uuid(),
  driverId: z.uuid(),
  offerId: z.uuid().nullable(),
  way: z.string(),
  state: z.string(),
  pinned: z.boolean(),
  payCents: z.int(),
  startedAt: instantText,
  atPickupAt: instantText.nullable(),
  pickedUpAt: instantText.nullable(),
  atDropoffAt: instantText.nullable(),
  endedAt: instantText.nullable(),
  endReason: z.string().nullable(),
  why: z.array(z.string()),
});

export const caseView = z
  .strictObject({
    delivery: deliveryView.meta({
      description: 'Without the contact names, phone numbers and notes of the stops',
    }),
    offers: z.array(offerView),
    assignments: z.array(assignmentView),
    entries: z.array(entryView).meta({ description: 'The newest 5,000, in the order of the chain' }),
    entriesLeftOut: z.int(),
    verified: z.boolean().meta({
      description: 'Whether the chain is intact from its first entry to the head in the delivery row',
    }),
    problems: z.array(problemView),
  })
  .meta({ id: 'DeliveryCase' });
export type CaseView = z.output<typeof caseView>;

const MAX_CASE_ENTRIES = 5_000;

export function showAuditRow(row: AuditEntryRow): EntryView {
  return {
    entryId: row.id,
    at: iso(row.at),
    kind: row.kind,
    cityId: row.cityId,
    deliveryId: row.deliveryId,
    driverId: row.driverId,
    merchantId: row.merchantId,
    sellerOrderId: row.sellerOrderId,
    actor: { kind: row.actorKind, id: row.actorId },
    from: row.fromState,
    to: row.toState,
    why: row.why,
    correlationId: row.correlationId,
    deviceAt: iso(row.deviceAt),
    detail: row.detail,
    chain: row.chain,
    previousHash: row.prevHash && hex(row.prevHash),
    hash: hex(row.hash),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function showChained({ record, chain, previous, hash: own }: ChainedEntry): EntryView {
  const {
    id,
    at,
    kind,
    cityId,
    deliveryId,
    driverId,
    merchantId,
    sellerOrderId,
    actor,
    from,
    to,
    why,
    correlationId,
    deviceAt,
    detail,
  } = record;
  return {
    entryId: id,
    at: iso(at),
    kind,
    cityId,
    deliveryId,
    driverId,
    merchantId,
    sellerOrderId,
    actor,
    from,
    to,
    why,
    correlationId,
    deviceAt: iso(deviceAt),
    detail,
    chain,
    previousHash: previous,
    hash: own,
  };
}

export function showCheckResult(
  deliveryId: string,
  { chain, entries, problems }: FollowedChain,
): z.output<typeof checkResultView> {
  return {
    deliveryId,
    chain,
    entries: entries.length,
    verified: problems.length === 0,
    problems: [...problems],
  };
}

/** Empty while a check has written none. */
const storedProblems = z
  .object({ count: z.int(), named: z.array(problemView) })
  .catch({ count: 0, named: [] });

/** Ops limited to cities see the number of all problems, but only the problems of their cities. */
export function showCheck(
  { id, startedAt, finishedAt, checkedTo, chains, entries, problems }: AuditCheckRow,
  caller: Caller,
): z.output<typeof checkListView>['checks'][number] {
  const { count, named } = storedProblems.parse(problems);
  const isTheirs = ({ cityId }: AuditProblem): boolean =>
    caller.role === 'ops' && (caller.cities === 'all' || (cityId !== null && caller.cities.includes(cityId)));
  return {
    checkId: Number(id),
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    checkedTo: iso(checkedTo),
    chains,
    entries: Number(entries),
    problemCount: count,
    problems: named.filter(isTheirs),
  };
}

/** The case of one delivery, for export. Drivers appear by id, and contacts of the stops are removed. */
export function showCase(
  row: DeliverySummaryRow,
  { offers, assignments }: CaseRows,
  { entries, problems }: FollowedChain,
  caller: Caller,
): CaseView {
  const hidden = { contactName: null, contactPhone: null, contactPhoneE164: null, notes: null };
  const stops = row.stops.map((stop) => ({ ...stop, ...hidden }));
  return {
    delivery: deliveryView.parse(showDelivery({ ...row, stops }, caller)),
    offers: offers.map(showOffer),
    assignments: assignments.map(showAssignment),
    entries: entries.slice(-MAX_CASE_ENTRIES).map(showChained),
    entriesLeftOut: Math.max(0, entries.length - MAX_CASE_ENTRIES),
    verified: problems.length === 0,
    problems: [...problems],
  };
}

function showOffer(offer: CaseRows['offers'][number]): CaseView['offers'][number] {
  const { id: offerId, driverId, kind, state, round, payCents, endReason, choice } = offer;
  return {
    offerId,
    driverId,
    kind,
    state,
    round,
    payCents,
    createdAt: iso(offer.createdAt),
    expiresAt: iso(offer.expiresAt),
    reachedAt: iso(offer.reachedAt),
    endedAt: iso(offer.endedAt),
    endReason,
    why: explainedChoice(choice, driverId, kind === 'BROADCAST' ? 'BROADCAST' : 'SINGLE'),
    choice,
  };
}

function showAssignment(assignment: CaseRows['assignments'][number]): CaseView['assignments'][number] {
  const { id: assignmentId, driverId, offerId, way, state, pinned, payCents, endReason } = assignment;
  return {
    assignmentId,
    driverId,
    offerId,
    way,
    state,
    pinned,
    payCents,
    startedAt: iso(assignment.startedAt),
    atPickupAt: iso(assignment.atPickupAt),
    pickedUpAt: iso(assignment.pickedUpAt),
    atDropoffAt: iso(assignment.atDropoffAt),
    endedAt: iso(assignment.endedAt),
    endReason,
    why: whyAssigned(assignment),
  };
}

function whyAssigned({ way, offerId, driverId, choice }: CaseRows['assignments'][number]): string[] {
  if (offerId !== null) return [`The driver accepted offer ${offerId}.`];
  if (way === 'MANUAL') return [`Ops assigned this driver by hand${reasonOf(choice)}.`];
  if (way === 'HANDOVER') return [`Ops had the goods handed over to this driver${reasonOf(choice)}.`];
  return explainedChoice(choice, driverId, way === 'V1' ? 'DIRECT' : 'SINGLE');
}

const byHand = z.object({ why: z.string() });

function reasonOf(choice: unknown): string {
  const known = byHand.safeParse(choice);
  return known.success ? `: ${known.data.why}` : '';
}

const choiceView = z.object({
  kind: z.enum(['SINGLE', 'BROADCAST', 'DIRECT']).optional(),
  radiusMeters: z.number(),
  round: z.number(),
  looked: z.number(),
  ranked: z.array(
    z.object({
      driverId: z.string(),
      offerVersion: z.number().nullable(),
      score: z.object({
        travelBucket: z.number(),
        recentRejections: z.number(),
        earningsBucket: z.number(),
        idleMs: z.number(),
        travelMs: z.number(),
        distanceMeters: z.number(),
        stopsBefore: z.number().optional(),
      }),
      nextAfter: z.string().optional(),
    }),
  ),
  excluded: z.array(
    z.object({
      driverId: z.string(),
      reason: z.custom<Exclusion>((reason) => typeof reason === 'string' && isExclusion(reason)),
      until: z.number().nullable(),
    }),
  ),
  proposal: z
    .object({
      roundId: z.string(),
      pair: z.object({
        driverId: z.string(),
        deliveryIds: z.array(z.string()),
        parts: z.array(z.object({ what: z.enum(MATCH_TERMS), costMs: z.number() })),
      }),
    })
    .optional(),
});

/**
 * Why a driver was chosen, in sentences, by what was stored with the offer or the assignment. A choice in the format of
 * an older release cannot be explained; the case shows its raw data.
 */
export function explainedChoice(choice: unknown, driverId: string, way: ChoiceWay): string[] {
  const known = choiceView.safeParse(choice);
  return known.success
    ? explainChoice(known.data, driverId, known.data.kind ?? way)
    : ['The stored data of this choice has an older format and cannot be explained.'];
}
