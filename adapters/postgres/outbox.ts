import { type Message } from '../../domain/notices/message';
import { type Notice, type NoticeAddressee } from '../../domain/notices/notice';
import { type Lease, type Read } from '../../services/ports';
import { type Database, sql, type Tx } from './database';

/** A message in the outbox. */
export type Enqueued = { id: bigint; key: string; correlationId: string; attempts: number; message: Message };

/**
 * Adds messages to the outbox, in the transaction of the change that they report. Call `notifyRelay` after
 * the commit.
 */
export async function enqueue(
  tx: Tx,
  key: string,
  correlationId: string,
  messages: readonly Message[],
): Promise<void> {
  if (messages.length === 0) return;
  await tx.$executeRawUnsafe(
    `WITH opened AS (${OPEN_GROUPS('$1')}) ${INSERT_MESSAGES} FROM ${MESSAGE_ROWS('$1')} ${WHERE_TOLD}`,
    JSON.stringify(messageRows(key, correlationId, messages)),
  );
}

/**
 * The rows of messages, in their order. `known` says of each message which unsent events of its key this process
 * sends before it, or null where it is left to the relay (ADR 54).
 */
export function messageRows(
  key: string,
  correlationId: string,
  messages: readonly Message[],
  known: Lease['known'] = [],
): Record<string, unknown>[] {
  return messages.map((message, index) => {
    if (message.kind === 'notify') return noticeRow(message, correlationId);
    const { kind, ...payload } = message;
    return {
      kind,
      key,
      payload,
      correlation_id: correlationId,
      notice_group: null,
      known: known[index] ?? null,
    };
  });
}

function noticeRow(
  { kind, notice, group }: Extract<Message, { kind: 'notify' }>,
  correlationId: string,
): Record<string, unknown> {
  return {
    kind,
    key: noticeKey(notice),
    payload: { notice },
    correlation_id: correlationId,
    notice_group: group
      ? {
          addressee: notice.to.kind,
          city_id: group.cityId,
          zone_id: group.zoneId,
          cause: group.cause,
          level: group.level,
          at: new Date(notice.at).toISOString(),
        }
      : null,
  };
}

/**
 * Notices about one matter reach an addressee in order: `resolved` must not overtake an `open` that could not
 * be sent yet.
 */
function noticeKey({ to, about }: Notice): string {
  return `${to.kind}/${about}`;
}

/**
 * Opens the groups of these notices, or raises their level, as a part `opened` of the statement that inserts them
 * (ADR 51). A row that exists is locked until the commit even where nothing changes: the sweep, which ends groups, then
 * counts what this transaction wrote. Keys are taken in order, so that two transactions never wait for each other.
 */
export const OPEN_GROUPS = (json: string): string => `
  INSERT INTO notice_groups AS known (key, addressee, city_id, zone_id, cause, level, opened_at, alerted_at,
    told_at, told_count)
  SELECT DISTINCT ON (message.key) message.key, first.addressee, first.city_id, first.zone_id, first.cause,
    first.level, first.at, first.at, first.at, 1
  FROM ${MESSAGE_ROWS(json)}, jsonb_to_record(message.notice_group)
    AS first(addressee text, city_id text, zone_id text, cause text, level int, at timestamptz)
  WHERE message.notice_group IS NOT NULL ORDER BY message.key, first.level DESC
  ON CONFLICT (key) DO UPDATE SET level = excluded.level, told_at = excluded.told_at
    WHERE known.level < excluded.level
  RETURNING key`;
/** A notice of a group is sent where it opened the group, or raised its level. */
export const WHERE_TOLD = 'WHERE message.notice_group IS NULL OR message.key IN (SELECT key FROM opened)';

/** A message whose relay has been silent for this long is sent again: the relay died. */
export const LEASE_MS = 10_000;

/**
 * The INSERT without its rows, for use inside a larger statement. A leased message counts as taken by the process
 * that writes it. Its lease begins now, and not with the transaction, which may have waited for locks.
 */
export const INSERT_MESSAGES = `INSERT INTO outbox (kind, key, payload, correlation_id, attempts, next_at)
  SELECT kind, key, payload, correlation_id, leased::int,
    CASE WHEN leased THEN clock_timestamp() + interval '${LEASE_MS} milliseconds' ELSE now() END`;
/** An event is not leased while an earlier one of its key is unsent that another process has, or that failed. */
export const MESSAGE_ROWS = (json: string): string =>
  `(SELECT message.*, message.known IS NOT NULL AND NOT (message.kind = 'emit' AND EXISTS (
      SELECT FROM outbox earlier WHERE earlier.key = message.key AND earlier.kind = 'emit'
        AND earlier.sent_at IS NULL AND earlier.id <> ALL (message.known))) AS leased
    FROM jsonb_to_recordset(${json}::jsonb)
      AS message(kind text, key text, payload jsonb, correlation_id text, notice_group jsonb,
        known bigint[])) AS message`;
/** What INSERT_MESSAGES returns, in the order of the messages. A notice of a group may have no row. */
export const WRITTEN_MESSAGES = `id::text AS id, kind, attempts = 1 AS "isLeased"`;

/**
 * Rows hold whole ms, rounded: a message of this instant may lie up to half a ms ahead, and would wait for
 * the next poll.
 */
const ROUNDING = sql`interval '1 millisecond'`;

type NoticesDue = { to?: NoticeAddressee['kind']; afterMs?: number };

/**
 * Takes up to `limit` due messages of these kinds. They are leased, not locked: no transaction stays open
 * while they are sent, and the messages of a dead or frozen process come back when the lease runs out. Events
 * of one key wait for the earlier ones of that key, whichever process sends them; only two processes that
 * take messages at the same instant may swap their order. Of the notices of one key only the oldest is taken.
 * The ids are an ARRAY, which PostgreSQL computes once: it may run a subquery under IN again for every row,
 * each run skips what the runs before locked, and the limit would not hold.
 * @param notices which notices, and from which age on
 */
export async function takeDue(
  read: Read,
  kinds: readonly Message['kind'][],
  limit: number,
  notices: NoticesDue = {},
): Promise<Enqueued[]> {
  const { to = null, afterMs = 0 } = notices;
  const taken = await read<Omit<Enqueued, 'id'> & { id: bigint | string }>(sql`
    UPDATE outbox SET next_at = now() + ${LEASE_MS} * interval '1 millisecond', attempts = attempts + 1
    WHERE id = ANY(ARRAY(
      SELECT id FROM outbox due WHERE sent_at IS NULL AND next_at <= now() + ${ROUNDING}
        AND kind = ANY(${[...kinds]}) AND NOT (kind = 'emit' AND EXISTS (
        SELECT FROM outbox earlier WHERE earlier.key = due.key AND earlier.id < due.id
          AND earlier.kind = 'emit' AND earlier.sent_at IS NULL AND earlier.next_at > now() + ${ROUNDING}))
        AND (kind <> 'notify' OR payload #>> '{notice,to,kind}' = ${to}
          AND created_at <= now() - ${afterMs} * interval '1 millisecond' AND NOT EXISTS (
        SELECT FROM outbox earlier WHERE earlier.key = due.key AND earlier.id < due.id
          AND earlier.kind = 'notify' AND earlier.sent_at IS NULL))
      ORDER BY next_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED))
    RETURNING id, key, correlation_id AS "correlationId", attempts,
      jsonb_build_object('kind', kind) || payload AS message`);
  return taken.map((each) => ({ ...each, id: BigInt(each.id) })).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** What is due: a kind of message, and of notices the addressee. */
export type Due = { kind: Message['kind']; to: NoticeAddressee['kind'] | null };

/** Which kinds are due, for the poll. Takes nothing. */
export function whatIsDue(read: Read): Promise<Due[]> {
  return read<Due>(
    sql`SELECT DISTINCT kind, payload #>> '{notice,to,kind}' AS "to" FROM outbox
        WHERE sent_at IS NULL AND next_at <= now() + ${ROUNDING}`,
  );
}

/**
 * What was sent is not kept: events show drivers where customers live, and rescues say why. What it was, when and
 * for which key stays for a day.
 */
export async function markSent(read: Read, ids: readonly bigint[]): Promise<void> {
  if (ids.length === 0) return;
  await read(
    sql`UPDATE outbox SET sent_at = now(), last_error = NULL,
      payload = CASE WHEN kind IN ('emit', 'rescue') THEN '{}'::jsonb ELSE payload END
      WHERE id = ANY(${ids.map(String)}::bigint[])`,
  );
}

/**
 * The delay doubles from 100 ms to 30 s. A message is never given up. One that another process has taken since stays
 * with it.
 */
export async function putBack(
  db: Tx,
  { id, attempts }: Enqueued,
  error: string,
  minDelayMs = 0,
): Promise<void> {
  const delayMs = Math.max(minDelayMs, Math.min(30_000, 100 * 2 ** Math.min(attempts, 10)));
  await db.$executeRaw`
    UPDATE outbox SET next_at = now() + ${delayMs} * interval '1 millisecond', last_error = ${error.slice(0, 500)}
    WHERE id = ${id} AND attempts = ${attempts}`;
}

/** The number of unsent messages, and the age of the oldest in ms. */
export async function outboxBacklog(db: Database): Promise<{ unsent: number; oldestMs: number }> {
  const [row] = await db.$queryRaw<{ unsent: number; oldestMs: number }[]>`
    SELECT count(*)::int AS unsent,
      greatest(0, extract(epoch FROM now() - min(created_at)) * 1000)::float8 AS "oldestMs"
    FROM outbox WHERE sent_at IS NULL`;
  return row ?? { unsent: 0, oldestMs: 0 };
}

/** Deletes messages that were sent long ago. @returns how many */
export async function pruneSent(db: Database, olderThanMs: number): Promise<number> {
  return db.$executeRaw`DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox WHERE sent_at < now() - ${olderThanMs} * interval '1 millisecond' ORDER BY sent_at
      LIMIT 10000)`;
}
