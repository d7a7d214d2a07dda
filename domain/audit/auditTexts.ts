/**
 * The part of an entry that people typed, or that says where somebody was. The hash of an entry covers a salted
 * digest of it, so that it can end while the chain holds (docs/privacy.md#in-the-audit-trail).
 */
import { CASE_REASONS, CASE_RESOLUTIONS } from '../support/supportCase';
import { REASON_CODES } from '../delivery/status';
import { type AuditRecord } from './auditRecord';

/** The kind of the entry that lists the entries of its chain whose texts were erased. */
export const ERASED_KIND = 'personal_data_erased';

/** Keys of an entry's detail that hold texts or places. */
export const TEXT_DETAILS = ['note', 'meeting', 'reason', 'pending', 'personal'] as const;

const CODES: ReadonlySet<string> = new Set([...REASON_CODES, ...CASE_REASONS, ...CASE_RESOLUTIONS]);
/** Nobody types like this: two words at least, in capitals. */
const CODE = /^[A-Z]+(_[A-Z]+)+$/;

/** The fields of a new entry that hold texts; empty for most entries. */
export function textFieldsOf({
  actor,
  why,
  detail,
}: Pick<AuditRecord, 'actor' | 'why' | 'detail'>): string[] {
  const isTyped = actor.kind === 'ops' || actor.kind === 'customer';
  const isText = isTyped && why !== null && !CODES.has(why) && !CODE.test(why);
  return [...(isText ? ['why'] : []), ...TEXT_DETAILS.filter((name) => holdsText(detail?.[name]))];
}

/** A pending change without a reason holds only codes and numbers. */
function holdsText(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  return typeof value !== 'object' || !('kind' in value) || ('reason' in value && value.reason !== null);
}

/** The entry without these fields, and these fields alone. */
export function splitTexts(
  record: AuditRecord,
  fields: readonly string[],
): { rest: AuditRecord; texts: Record<string, unknown> } {
  const isText = (name: string): boolean => fields.includes(name);
  const details = Object.entries(record.detail ?? {});
  return {
    rest: {
      ...record,
      why: isText('why') ? null : record.why,
      detail: record.detail && Object.fromEntries(details.filter(([name]) => !isText(name))),
    },
    texts: {
      ...(isText('why') && record.why !== null ? { why: record.why } : {}),
      ...Object.fromEntries(details.filter(([name]) => isText(name))),
    },
  };
}

/** The entries that an erasure lists, with the hash that each has since. */
export function erasedBy({ kind, detail }: Pick<AuditRecord, 'kind' | 'detail'>): [string, string][] {
  const listed = kind === ERASED_KIND ? detail?.entries : null;
  if (typeof listed !== 'object' || listed === null) return [];
  return Object.entries(listed).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
}
