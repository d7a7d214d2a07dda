import { stringify } from 'csv-stringify/sync';
import type { CaseView, EntryView } from './audit';

const COLUMNS = [
  'record',
  'at',
  'id',
  'kind',
  'actorKind',
  'actorId',
  'driverId',
  'from',
  'to',
  'why',
  'deviceAt',
  'correlationId',
  'detail',
  'previousHash',
  'hash',
  'problem',
] as const;
type Line = Partial<Record<(typeof COLUMNS)[number], string | null>>;

/**
 * The case of one delivery as CSV (RFC 4180, UTF-8 with a byte order mark for spreadsheets): the delivery, its
 * offers and assignments with their reasons, then the entries in the order of the chain. A cell that a
 * spreadsheet would run as a formula gets an apostrophe in front. A cell with a line break is quoted, since the
 * rest of it would otherwise start a new row, perhaps with a formula.
 */
export function caseCsv({
  delivery,
  offers,
  assignments,
  entries,
  entriesLeftOut,
  verified,
  problems,
}: CaseView): string {
  const { deliveryId, createdAt, status, reasonCode, correlationId, driverId, ...rest } = delivery;
  const lines: Line[] = [
    {
      record: 'delivery',
      at: createdAt,
      id: deliveryId,
      driverId,
      to: status,
      why: reasonCode,
      correlationId,
      detail: JSON.stringify(rest),
    },
    ...offers.map(
      ({ offerId, kind, driverId: asked, state, why, createdAt: at, choice: _choice, ...more }): Line => ({
        record: 'offer',
        at,
        id: offerId,
        kind,
        driverId: asked,
        to: state,
        why: why.join(' '),
        detail: JSON.stringify(more),
      }),
    ),
    ...assignments.map(
      ({ assignmentId, way, driverId: assigned, state, why, startedAt: at, ...more }): Line => ({
        record: 'assignment',
        at,
        id: assignmentId,
        kind: way,
        driverId: assigned,
        to: state,
        why: why.join(' '),
        detail: JSON.stringify(more),
      }),
    ),
    ...entries.map((entry): Line => entryLine(entry, problems)),
    ...problems
      .filter(({ entryId }) => entryId === null)
      .map(({ kind, detail }): Line => ({
        record: 'problem',
        id: deliveryId,
        problem: `${kind}: ${detail}`,
      })),
    {
      record: 'trail',
      id: deliveryId,
      to: verified ? 'VERIFIED' : 'NOT_VERIFIED',
      why: `entries: ${entries.length}; older ones left out: ${entriesLeftOut}`,
    },
  ];
  return stringify(lines, {
    header: true,
    columns: [...COLUMNS],
    escape_formulas: true,
    quoted_match: /[\r\n]/,
    record_delimiter: 'windows',
    bom: true,
  });
}

function entryLine(entry: EntryView, problems: CaseView['problems']): Line {
  const {
    entryId: id,
    at,
    kind,
    actor,
    driverId,
    from,
    to,
    why,
    deviceAt,
    correlationId,
    detail,
    previousHash,
    hash,
  } = entry;
  const own = problems
    .filter(({ entryId }) => entryId === id)
    .map((problem) => `${problem.kind}: ${problem.detail}`);
  return {
    record: 'entry',
    at,
    id,
    kind,
    actorKind: actor.kind,
    actorId: actor.id,
    driverId,
    from,
    to,
    why,
    deviceAt,
    correlationId,
    detail: detail === null ? null : JSON.stringify(detail),
    previousHash,
    hash,
    problem: own.join('; '),
  };
}
