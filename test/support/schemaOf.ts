import { type Client } from 'pg';

/**
 * All that a schema consists of, a line each, in PostgreSQL's own words: what two databases must have in
 * common to be the same to us. Prisma's own list of migrations is left out.
 */
export async function schemaOf(client: Client): Promise<string[]> {
  const lines: string[] = [];
  for (const [kind, query] of Object.entries(PARTS)) {
    const { rows } = await client.query<{ line: string }>(query);
    lines.push(...rows.map(({ line }) => `${kind} ${line}`));
  }
  return lines.sort();
}

const OURS = `nspname = 'public' AND relname NOT LIKE '\\_prisma\\_migrations%'`;

const PARTS: Readonly<Record<string, string>> = {
  relation: `SELECT relname || ' ' || relkind::text || ' of ' || coalesce(pg_get_partkeydef(c.oid), '-')
      || ' within ' || coalesce(pg_get_expr(relpartbound, c.oid), '-')
      || ' owner ' || relowner::regrole::text::text
      || ' grants ' || (SELECT string_agg(g::text, ',' ORDER BY g::text)
        FROM unnest(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))) g)
        AS line
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE ${OURS}
      AND relkind IN ('r', 'p', 'v', 'm', 'S')`,
  column: `SELECT relname || '.' || attname || ' ' || format_type(atttypid, atttypmod)
      || CASE WHEN attnotnull THEN ' not null' ELSE '' END
      || coalesce(' default ' || pg_get_expr(adbin, adrelid), '') AS line
    FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace LEFT
      JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
    WHERE ${OURS} AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped`,
  index: `SELECT pg_get_indexdef(indexrelid) AS line
    FROM pg_index i JOIN pg_class c ON c.oid = indrelid JOIN pg_namespace n ON n.oid = relnamespace
    WHERE ${OURS}`,
  constraint: `SELECT relname || ' ' || conname || ' ' || pg_get_constraintdef(k.oid) AS line
    FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = relnamespace
      WHERE ${OURS}`,
  trigger: `SELECT pg_get_triggerdef(t.oid) AS line
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = relnamespace
    WHERE ${OURS} AND NOT tgisinternal`,
  function: `SELECT pg_get_functiondef(p.oid) || ' grants ' || coalesce(proacl::text, '-') AS line
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'public'`,
  type: `SELECT typname || ' ' || typtype::text AS line
    FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
    WHERE nspname = 'public' AND typtype IN ('e', 'd')`,
  schema: `SELECT nspname || ' grants ' || coalesce((
        SELECT string_agg(split_part(g::text, '/', 1), ',' ORDER BY g::text)
        FROM unnest(nspacl) g WHERE g::text LIKE 'driver_service_app=%'), '-') AS line
    FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'`,
};
