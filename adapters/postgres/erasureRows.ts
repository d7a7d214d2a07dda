import { type CustomerMatch, type ErasureRequest } from '../../domain/privacy/erasure';
import { type Database, msOf, sql, type Tx } from './database';

/** What is looked for, until it is found. */
export type ErasureSubject = { customer: CustomerMatch } | { driverId: string };

export type ErasureRow = {
  erasureId: string;
  kind: ErasureRequest['kind'];
  /** Null once everybody is found: the request names nobody any more. */
  subject: ErasureSubject | null;
  /** The cities that the ops who asked may see; null = all. */
  cities: readonly string[] | null;
  byId: string;
  correlationId: string;
  /** Deliveries that were found; and of those, open ones that are erased once they end. */
  found: number;
  open: number;
  createdAt: number;
  finishedAt: number | null;
};

type Row = {
  id: string;
  kind: ErasureRequest['kind'];
  subject: ErasureSubject | null;
  cities: string[] | null;
  by_id: string;
  correlation_id: string;
  found: number;
  open: number;
  created_at: Date;
  finished_at: Date | null;
};

const COLUMNS = sql`r.id, r.kind, r.subject, r.cities, r.by_id, r.correlation_id, r.found, r.created_at,
  r.finished_at, (SELECT count(*)::int FROM deliveries d WHERE d.erasure_id = r.id AND d.erased_at IS NULL)
    AS open`;

const rowOf = (row: Row): ErasureRow => ({
  erasureId: row.id,
  kind: row.kind,
  subject: row.subject,
  cities: row.cities,
  byId: row.by_id,
  correlationId: row.correlation_id,
  found: row.found,
  open: row.open,
  createdAt: msOf(row.created_at),
  finishedAt: msOf(row.finished_at),
});

export async function insertErasure(
  tx: Tx,
  erasure: Omit<ErasureRow, 'found' | 'open' | 'finishedAt'>,
): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO erasures (id, kind, subject, cities, by_id, correlation_id, created_at)
    VALUES (${erasure.erasureId}::uuid, ${erasure.kind}, ${JSON.stringify(erasure.subject)}::jsonb,
      ${erasure.cities === null ? null : [...erasure.cities]}::text[], ${erasure.byId}, ${erasure.correlationId},
      ${new Date(erasure.createdAt)})`;
}

export async function readErasure(db: Tx, erasureId: string): Promise<ErasureRow | null> {
  const [row] = await db.$queryRaw<Row[]>`
    SELECT ${COLUMNS} FROM erasures r WHERE r.id = ${erasureId}::uuid`;
  return row ? rowOf(row) : null;
}

/** Those that are not done, the oldest first. */
export async function readUnfinished(db: Database, limit: number): Promise<ErasureRow[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT ${COLUMNS} FROM erasures r WHERE r.finished_at IS NULL ORDER BY r.created_at LIMIT ${limit}`;
  return rows.map(rowOf);
}

/** The digits of a phone, as `digitsOf` has them. The index of the migration has the same words. */
const DIGITS = sql`
  ltrim(regexp_replace(regexp_replace(lower(s.contact_phone), '(x|ext).*$', ''), '\\D', '', 'g'), '0')`;
const BY_NAME = sql`lower(btrim(s.contact_name))`;

/**
 * Marks some deliveries of this customer to be erased, open ones too.
 * @returns how many; 0 = all are marked
 */
export async function markCustomer(
  db: Database,
  { erasureId, cities }: Pick<ErasureRow, 'erasureId' | 'cities'>,
  { phone, name }: CustomerMatch,
  limit: number,
): Promise<number> {
  const named = name === null ? sql`true` : sql`${BY_NAME} = ${name}`;
  const byPhone =
    phone &&
    sql`SELECT s.delivery_id FROM stops s WHERE s.contact_phone_e164 = ANY(${phone.e164s}) AND ${named}
      UNION SELECT s.delivery_id FROM stops s WHERE s.contact_phone IS NOT NULL
        AND s.contact_phone_e164 IS NULL AND ${DIGITS} = ANY(${phone.digits}) AND ${named}`;
  const byName = sql`SELECT s.delivery_id FROM stops s WHERE s.contact_name IS NOT NULL AND ${named}`;
  const inCities = cities === null ? sql`true` : sql`d.city_id = ANY(${[...cities]}::text[])`;
  const marked = await db.$executeRaw`
    UPDATE deliveries SET erasure_id = ${erasureId}::uuid WHERE id IN (
      SELECT d.id FROM (${byPhone ?? byName}) AS matching JOIN deliveries d ON d.id = matching.delivery_id
      WHERE d.erasure_id IS NULL AND d.erased_at IS NULL AND ${inCities} LIMIT ${limit})`;
  await db.$executeRaw`UPDATE erasures SET found = found + ${marked} WHERE id = ${erasureId}::uuid`;
  return marked;
}

/** Everybody is found: the request names nobody any more. */
export async function forgetSubject(db: Tx, erasureId: string): Promise<void> {
  await db.$executeRaw`UPDATE erasures SET subject = NULL WHERE id = ${erasureId}::uuid`;
}

/** @returns whether it was not finished before */
export async function finishErasure(db: Tx, erasureId: string, at: number): Promise<boolean> {
  return (
    (await db.$executeRaw`UPDATE erasures SET finished_at = ${new Date(at)}
      WHERE id = ${erasureId}::uuid AND finished_at IS NULL`) === 1
  );
}
