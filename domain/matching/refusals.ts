/** Whom a round may not propose to a delivery, by the same rules as a search. docs/behaviour.md#matching. */

import type { RankingLimits } from './candidate';

/** The end of what was between a driver and a delivery. `endedAt` epoch ms; pay and level as the offer had them. */
export type PastChoice = {
  driverId: string;
  end: 'REJECTED' | 'EXPIRED' | 'LOST';
  payCents: number;
  level: number;
  endedAt: number;
};

/**
 * The drivers who may not be asked, and until when; null = until pay or level rise, or for ever.
 * @param past what there was, the oldest first
 */
export function notBeforeOf(
  past: readonly PastChoice[],
  { payCents, level }: { payCents: number; level: number },
  now: number,
  { lapseExclusionMs }: Pick<RankingLimits, 'lapseExclusionMs'>,
): Record<string, number | null> {
  const notBefore: Record<string, number | null> = {};
  const rejections = new Map(
    past.filter(({ end }) => end === 'REJECTED').map((each) => [each.driverId, each]),
  );
  for (const { driverId, end, endedAt } of past)
    if (end === 'EXPIRED' && endedAt + lapseExclusionMs > now)
      notBefore[driverId] = endedAt + lapseExclusionMs;
  for (const { driverId, payCents: refused, level: then } of rejections.values())
    if (payCents <= refused && level <= then) notBefore[driverId] = null;
  for (const { driverId, end } of past) if (end === 'LOST') notBefore[driverId] = null;
  return notBefore;
}
