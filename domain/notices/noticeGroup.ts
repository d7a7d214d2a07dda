/**
 * Deliveries of one zone that need people for one cause are told together. The first is told at once, by name. A sweep
 * brings the others up to date, repeats the page, and says when it is over. Instants are epoch ms.
 * docs/notifications.md#groups; ADR 51.
 */

import { type EscalationLevel, type ReachedLevel } from '../delivery/escalation';
import { type CaseReason } from '../support/supportCase';

/** `zoneId` null: outside all zones, which for a city without zones is the whole city. */
export type NoticeGroup = { cityId: string; zoneId: string | null; cause: CaseReason };

/** The group of a notice about one delivery, and the delivery's level. */
export type GroupOpening = NoticeGroup & { level: ReachedLevel };

/** A group that an addressee was told of. */
export type OpenGroup = NoticeGroup & {
  to: 'support' | 'pager';
  /** The highest level that they were told of. */
  level: ReachedLevel;
  /** When its first alert was opened, and when its present one. */
  openedAt: number;
  alertedAt: number;
  /** When they were last told, and of how many deliveries. */
  toldAt: number;
  toldCount: number;
};

/** The deliveries of a group by now. Of the pager, only those of level 3 with a case count. Durations are ms. */
export type GroupFacts = {
  count: number;
  /** Of all deliveries of the zone with this cause. */
  byLevel: Readonly<Record<EscalationLevel, number>>;
  longestMs: number;
  /** When one of them was last escalated, or its page fell due again; null: never. */
  lastEscalatedAt: number | null;
  /** Some of their ids, the newest first. */
  deliveryIds: readonly string[];
  /** Null: not known. */
  freeDrivers: number | null;
};

export const NO_MEMBERS: GroupFacts = {
  count: 0,
  byLevel: { 1: 0, 2: 0, 3: 0 },
  longestMs: 0,
  lastEscalatedAt: null,
  deliveryIds: [],
  freeDrivers: null,
};

/** The matter of a group’s notices. */
export function matterOf({ cityId, zoneId, cause }: NoticeGroup): string {
  return `zone/${cityId}/${zoneId ?? '-'}/${cause}`;
}

/**
 * The pager's alert that a group opened at this instant. Each page has one of its own: an alert that is open swallows
 * others of its key, and nobody is paged (ADR 46).
 */
export function alertOf(group: NoticeGroup, openedAt: number): string {
  return `${matterOf(group)}/${new Date(openedAt).toISOString()}`;
}

/** The alerts that may be open: the first, and the last. A pager ignores the end of one that is not. */
export function openAlertsOf(group: OpenGroup): string[] {
  return [...new Set([alertOf(group, group.openedAt), alertOf(group, group.alertedAt)])];
}

/** `updateMs`: how often a group is brought up to date at most; `repeatMs`: when level 3 pages again. */
export type GroupLimits = { updateMs: number; repeatMs: number; minuteMs: number };

export type GroupStep = 'nothing' | 'update' | 'repeat' | 'resolve';

/** What the sweep tells of a group now. */
export function nextStep(group: OpenGroup, facts: GroupFacts, limits: GroupLimits, now: number): GroupStep {
  if (facts.count === 0) return 'resolve';
  if (pagesAgain(group, facts, limits, now)) return 'repeat';
  if (now - group.toldAt < limits.updateMs) return 'nothing';
  return isNews(group, facts, limits, now) ? 'update' : 'nothing';
}

/** A sweep comes some seconds early or late: the next one would be a minute late. */
const REPEAT_FROM = 0.95;

/**
 * The deliveries' own timers say whether the page is to be repeated, so that none is while escalation is off; the group
 * only sees that it happens once for all of them.
 */
function pagesAgain(
  { to, alertedAt }: OpenGroup,
  { lastEscalatedAt }: GroupFacts,
  { repeatMs }: GroupLimits,
  now: number,
): boolean {
  if (to !== 'pager' || lastEscalatedAt === null) return false;
  return lastEscalatedAt > alertedAt && now - alertedAt >= REPEAT_FROM * repeatMs;
}

/** A chat is told of a quarter more, a pager, which adds it to the alert and wakes nobody, of twice as many. */
const GROWTH: Readonly<Record<OpenGroup['to'], number>> = { support: 1.25, pager: 2 };
const SHRINKAGE = 0.5;

/** Small changes wait until the page would be repeated. */
function isNews(group: OpenGroup, facts: GroupFacts, { repeatMs }: GroupLimits, now: number): boolean {
  const { to, toldAt, toldCount } = group;
  const { count } = facts;
  if (count === toldCount) return isAnother(group, facts);
  const isMuch =
    count > toldCount ? count >= Math.ceil(toldCount * GROWTH[to]) : count <= toldCount * SHRINKAGE;
  return isMuch || now - toldAt >= repeatMs;
}

/** The one delivery that was named is over, and another has come to level 3. */
function isAnother({ to, toldAt }: OpenGroup, { count, lastEscalatedAt }: GroupFacts): boolean {
  return to === 'pager' && count === 1 && lastEscalatedAt !== null && lastEscalatedAt > toldAt;
}

/** The highest level of those who are left: the next one to rise above it is told at once. */
export function topLevel({ byLevel }: GroupFacts): ReachedLevel {
  const levels = [3, 2, 1] as const;
  return levels.find((level) => byLevel[level] > 0) ?? 0;
}
