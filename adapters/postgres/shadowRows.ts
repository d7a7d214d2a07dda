import { type ComparedDelivery, type ShadowAct, type ShadowChoice } from '../../domain/matching/shadow';
import { type Read } from '../../services/ports';
import { type Database, instant, sql } from './database';

/** What two policies made of one round. `at` is epoch ms. */
export type ShadowRound = {
  cityId: string;
  at: number;
  liveId: string;
  shadowId: string;
  compared: readonly ComparedDelivery[];
};

/** One statement a round. */
export async function writeShadowRound(
  read: Read,
  { cityId, at, liveId, shadowId, compared }: ShadowRound,
): Promise<void> {
  const short = compared.map((each) => [each.deliveryId, shortOf(each.live), shortOf(each.shadow)]);
  await read(sql`
    INSERT INTO shadow_rounds (city_id, at, live_id, shadow_id, compared)
    VALUES (${cityId}, ${instant(at)}, ${liveId}::bigint, ${shadowId}::bigint,
      ${JSON.stringify(short)}::jsonb)`);
}

/** Short names, since there is a row of these each second. */
type ShortChoice = {
  a: ShadowAct;
  d: string | null;
  p: number | null;
  l: number | null;
  c: number | null;
  f: number | null;
  o: number | null;
};

function shortOf(choice: ShadowChoice): ShortChoice {
  const { act: a, driverId: d, toPickupMs: p, latenessMs: l, payToComeCents: c } = choice;
  return { a, d, p, l, c, f: choice.earnedOverMeanCents, o: choice.acceptOdds };
}

/** Deletes a limited number of old rows. @returns how many */
export async function pruneShadowRounds(db: Database, olderThanMs: number): Promise<number> {
  return db.$executeRaw`DELETE FROM shadow_rounds WHERE id IN (
    SELECT id FROM shadow_rounds WHERE at < now() - ${olderThanMs} * interval '1 millisecond' ORDER BY at LIMIT 1000)`;
}
