import { z } from 'zod';
import { type FeatureOverride } from '../../domain/features/featureOverride';
import { type FeatureName } from '../../domain/features/rollout';
import { type FeatureRow } from '../../services/features/featureRegistry';
import { msOf, type Tx } from './database';

type Row = {
  id: bigint;
  name: FeatureName;
  enabled: boolean | null;
  percent: number | null;
  cities: string[] | null;
  plan: unknown;
  who: string;
  why: string;
  created_at: Date;
};

/** In an emergency rows are written by hand: an invalid plan must not disable the rest of its row. */
const PLAN = z
  .array(z.object({ date: z.iso.date(), percent: z.int().min(0).max(100) }))
  .nullable()
  .catch(null);

/**
 * The newest rows of each feature, newest first. Written by hand: Prisma cannot tell a null array from an
 * empty one.
 * @param limit rows for each feature
 */
export async function readFeatureRows(
  db: Tx,
  features: readonly FeatureName[],
  limit: number,
): Promise<FeatureRow[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT newest.id, newest.name, enabled, percent, cities, plan, who, why, created_at
    FROM unnest(${[...features]}::text[]) WITH ORDINALITY AS asked(feature, position)
    CROSS JOIN LATERAL (SELECT * FROM feature_settings WHERE name = asked.feature ORDER BY id DESC
      LIMIT ${limit}) newest
    ORDER BY asked.position, newest.id DESC`;
  return rows.map(featureRow);
}

/** Serialises the changes of one feature until the end of the transaction. */
export async function lockFeature(tx: Tx, feature: FeatureName): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext(${`feature/${feature}`}))`;
}

export async function writeFeatureRow(
  tx: Tx,
  feature: FeatureName,
  { enabled, percent, cities, plan }: FeatureOverride,
  { who, why }: { who: string; why: string },
): Promise<FeatureRow> {
  const [row] = await tx.$queryRaw<Row[]>`
    INSERT INTO feature_settings (name, enabled, percent, cities, plan, who, why)
    VALUES (${feature}, ${enabled}::boolean, ${percent}::int, ${cities}::text[],
      ${plan && JSON.stringify(plan)}::jsonb, ${who}, ${why})
    RETURNING id, name, enabled, percent, cities, plan, who, why, created_at`;
  if (row === undefined) throw new Error('the feature row that was just written is missing');
  return featureRow(row);
}

/** Those of these cities that do not exist. */
export async function unknownCities(db: Tx, cityIds: readonly string[]): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT asked.id FROM unnest(${[...cityIds]}::text[]) AS asked(id)
      WHERE NOT EXISTS (SELECT FROM cities WHERE cities.id = asked.id) ORDER BY asked.id`;
  return rows.map(({ id }) => id);
}

function featureRow({ id, name, enabled, percent, cities, plan, who, why, created_at: at }: Row): FeatureRow {
  return { id, feature: name, enabled, percent, cities, plan: PLAN.parse(plan), who, why, at: msOf(at) };
}
