import { v7 as newCorrelationId } from 'uuid';
import { groupNotice } from '../domain/notices/groupNotice';
import { type Message } from '../domain/notices/message';
import {
  type GroupFacts,
  type GroupLimits,
  matterOf,
  nextStep,
  NO_MEMBERS,
  type NoticeGroup,
  topLevel,
} from '../domain/notices/noticeGroup';
import { type Database, type Tx } from '../adapters/postgres/database';
import {
  citiesWithGroups,
  countMembers,
  endGroup,
  lockGroups,
  noteGroup,
  type StoredGroup,
} from '../adapters/postgres/noticeGroupRows';
import { enqueue } from '../adapters/postgres/outbox';
import { readLatestHealth } from '../adapters/postgres/zoneHealthRows';
import { type Clock } from './ports';

export type NoticeGroupsDeps = {
  db: Database;
  clock: Clock;
  limits: GroupLimits;
};

/** What a sweep told: `updated` of more or fewer deliveries, `repeated` as a new page, `ended` as over. */
export type NoticeGroupsReport = { groups: number; updated: number; repeated: number; ended: number };

export type NoticeGroups = {
  /**
   * Brings the groups that support and pager were told of up to date (ADR 51). One transaction for each city writes
   * what is told and that it was: sweeps that overlap, or come again after a crash, tell nothing twice.
   * @throws the first failure, after the other cities
   */
  bringUpToDate(): Promise<NoticeGroupsReport>;
};

/** Figures of the zones are computed each minute; older ones say nothing about now. */
const HEALTH_FRESH_MS = 300_000;

export function createNoticeGroups(deps: NoticeGroupsDeps): NoticeGroups {
  return {
    bringUpToDate: async () => {
      const report: NoticeGroupsReport = { groups: 0, updated: 0, repeated: 0, ended: 0 };
      const cities = await citiesWithGroups(deps.db);
      if (cities.length === 0) return report;
      const free = await freeDrivers(deps);
      const failures: unknown[] = [];
      for (const cityId of cities)
        await tellCity(deps, cityId, free, report).catch((error: unknown) => failures.push(error));
      if (failures.length > 0) throw failures[0];
      return report;
    },
  };
}

type FreeDrivers = (group: NoticeGroup) => number | null;

async function freeDrivers({ db, clock }: NoticeGroupsDeps): Promise<FreeDrivers> {
  const latest = await readLatestHealth(db, clock() - HEALTH_FRESH_MS);
  return ({ cityId, zoneId }) =>
    latest.find((health) => health.cityId === cityId && health.zoneId === zoneId)?.figures.freeDrivers ??
    null;
}

/** Members are counted behind the locks: nobody who joins a group meanwhile is missed at its end. */
async function tellCity(
  { db, clock, limits }: NoticeGroupsDeps,
  cityId: string,
  free: FreeDrivers,
  report: NoticeGroupsReport,
): Promise<void> {
  await db.$transaction(async (tx) => {
    const groups = await lockGroups(tx, cityId);
    const now = clock();
    const members = new Map((await countMembers(tx, cityId, now)).map((each) => [matterOf(each), each]));
    const messages: Message[] = [];
    for (const group of groups) {
      const counted = members.get(matterOf(group))?.[group.to] ?? NO_MEMBERS;
      const facts = { ...counted, freeDrivers: free(group) };
      messages.push(...(await tell(tx, group, facts, { limits, now }, report)));
    }
    await enqueue(tx, `groups/${cityId}`, newCorrelationId(), messages);
    report.groups += groups.length;
  });
}

async function tell(
  tx: Tx,
  group: StoredGroup,
  facts: GroupFacts,
  { limits, now }: { limits: GroupLimits; now: number },
  report: NoticeGroupsReport,
): Promise<Message[]> {
  const step = nextStep(group, facts, limits, now);
  const level = topLevel(facts);
  const told = { level, toldCount: facts.count, toldAt: now };
  switch (step) {
    case 'nothing':
      if (level !== group.level) await noteGroup(tx, group, { ...group, level });
      return [];
    case 'resolve':
      report.ended++;
      await endGroup(tx, group);
      break;
    case 'update':
      report.updated++;
      await noteGroup(tx, group, { ...told, alertedAt: group.alertedAt });
      break;
    case 'repeat':
      report.repeated++;
      await noteGroup(tx, group, { ...told, alertedAt: now });
      break;
  }
  return [groupNotice(group, step, { facts, limits, now })];
}
