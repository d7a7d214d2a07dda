import { type ReachedLevel } from '../../domain/delivery/escalation';
import { type GroupFacts, type NoticeGroup, type OpenGroup } from '../../domain/notices/noticeGroup';
import { type CaseReason } from '../../domain/support/supportCase';
import { type Database, msOf, type Tx } from './database';

/** The cities that somebody was told of, by id. */
export async function citiesWithGroups(db: Database): Promise<string[]> {
  const rows = await db.$queryRaw<{ cityId: string }[]>`
    SELECT DISTINCT city_id AS "cityId" FROM notice_groups ORDER BY city_id`;
  return rows.map(({ cityId }) => cityId);
}

/** A group as it is stored. */
export type StoredGroup = OpenGroup & { key: string };

type GroupRow = {
  key: string;
  addressee: OpenGroup['to'];
  city_id: string;
  zone_id: string | null;
  cause: CaseReason;
  level: ReachedLevel;
  opened_at: Date;
  alerted_at: Date;
  told_at: Date;
  told_count: number;
};

/** The open groups of a city, locked in the order in which notices open them. */
export async function lockGroups(tx: Tx, cityId: string): Promise<StoredGroup[]> {
  const rows = await tx.$queryRaw<GroupRow[]>`
    SELECT key, addressee, city_id, zone_id, cause, level, opened_at, alerted_at, told_at, told_count
    FROM notice_groups WHERE city_id = ${cityId} ORDER BY key FOR UPDATE`;
  return rows.map((row) => ({
    key: row.key,
    to: row.addressee,
    cityId: row.city_id,
    zoneId: row.zone_id,
    cause: row.cause,
    level: row.level,
    openedAt: msOf(row.opened_at),
    alertedAt: msOf(row.alerted_at),
    toldAt: msOf(row.told_at),
    toldCount: row.told_count,
  }));
}

/** The deliveries of a zone that need people for one cause. */
export type Members = NoticeGroup & Record<OpenGroup['to'], Omit<GroupFacts, 'freeDrivers'>>;

type MemberRow = {
  zoneId: string | null;
  cause: CaseReason;
  count: number;
  level1: number;
  level2: number;
  level3: number;
  longestMs: number;
  newest: string[];
  lastAt: Date | null;
  pagedCount: number;
  pagedLongestMs: number;
  pagedNewest: string[] | null;
  pagedLastAt: Date | null;
};

/**
 * Who needs people in a city at `at` (epoch ms), by zone and cause. Reads open deliveries and unresolved cases only, by
 * their partial indexes.
 */
export async function countMembers(tx: Tx, cityId: string, at: number): Promise<Members[]> {
  const now = new Date(at);
  const rows = await tx.$queryRaw<MemberRow[]>`
    SELECT zone_id AS "zoneId", cause, count(*)::int AS count, count(*) FILTER (WHERE level = 1)::int AS level1,
      count(*) FILTER (WHERE level = 2)::int AS level2, count(*) FILTER (WHERE level = 3)::int AS level3,
      max(waited_ms)::float8 AS "longestMs", max(since) AS "lastAt",
      (array_agg(id::text ORDER BY since DESC NULLS LAST, id))[1:5] AS newest,
      count(*) FILTER (WHERE is_paged)::int AS "pagedCount",
      coalesce(max(waited_ms) FILTER (WHERE is_paged), 0)::float8 AS "pagedLongestMs",
      max(since) FILTER (WHERE is_paged) AS "pagedLastAt",
      (array_agg(id::text ORDER BY since DESC NULLS LAST, id) FILTER (WHERE is_paged))[1:5] AS "pagedNewest"
    FROM (
      SELECT d.id, d.zone_id, 'UNASSIGNED' AS cause, d.escalation_level AS level, d.escalated_at AS since,
        d.unassigned_ms + greatest(0, extract(epoch FROM ${now}::timestamptz - d.unassigned_since) * 1000)
          AS waited_ms,
        d.escalation_level = 3 AND EXISTS (SELECT FROM escalations e
          WHERE e.delivery_id = d.id AND e.state <> 'RESOLVED') AS is_paged
      FROM deliveries d WHERE d.closed_at IS NULL AND d.city_id = ${cityId} AND d.unassigned_since IS NOT NULL
        AND d.escalation_level > 0
      UNION ALL
      SELECT d.id, d.zone_id, e.reason, e.level, e.rose_at,
        extract(epoch FROM ${now}::timestamptz - e.opened_at) * 1000, false
      FROM escalations e JOIN deliveries d ON d.id = e.delivery_id
      WHERE e.state <> 'RESOLVED' AND e.city_id = ${cityId} AND e.reason NOT IN ('UNASSIGNED', 'WINDOW_AT_RISK')
      UNION ALL
      SELECT id, zone_id, 'WINDOW_AT_RISK', escalation_level, window_warned_at,
        extract(epoch FROM ${now}::timestamptz - window_warned_at) * 1000, false
      FROM deliveries WHERE closed_at IS NULL AND city_id = ${cityId} AND window_warned_at IS NOT NULL
        AND status NOT IN ('AT_DROPOFF', 'RETURNING')
    ) AS member GROUP BY zone_id, cause`;
  return rows.map((row) => membersOf(cityId, row));
}

function membersOf(cityId: string, row: MemberRow): Members {
  const byLevel = { 1: row.level1, 2: row.level2, 3: row.level3 };
  return {
    cityId,
    zoneId: row.zoneId,
    cause: row.cause,
    support: {
      count: row.count,
      byLevel,
      longestMs: row.longestMs,
      lastEscalatedAt: msOf(row.lastAt),
      deliveryIds: row.newest,
    },
    pager: {
      count: row.pagedCount,
      byLevel,
      longestMs: row.pagedLongestMs,
      lastEscalatedAt: msOf(row.pagedLastAt),
      deliveryIds: row.pagedNewest ?? [],
    },
  };
}

export async function endGroup(tx: Tx, { key }: StoredGroup): Promise<void> {
  await tx.noticeGroup.delete({ where: { key } });
}

/** Instants are epoch ms. */
export async function noteGroup(
  tx: Tx,
  { key }: StoredGroup,
  { level, toldCount, toldAt, alertedAt }: Pick<OpenGroup, 'level' | 'toldCount' | 'toldAt' | 'alertedAt'>,
): Promise<void> {
  await tx.noticeGroup.update({
    where: { key },
    data: { level, toldCount, toldAt: new Date(toldAt), alertedAt: new Date(alertedAt) },
  });
}
