/**
 * What a migration may not do where the service is at work while it runs: lock a table that is in use for
 * longer than a moment, or take away what older code needs.
 */

/** @param sql a migration @returns what is wrong, in words; empty where nothing is */
export function unsafeIn(sql: string): string[] {
  const statements = statementsOf(sql);
  const ownTables = new Set(
    statements.flatMap(
      (statement) => /^CREATE TABLE (?:IF NOT EXISTS )?"?(\w+)"?/i.exec(statement)?.[1] ?? [],
    ),
  );
  const wrong = statements.flatMap((statement) =>
    ownTables.has(tableOf(statement) ?? '') ? [] : problemsOf(statement),
  );
  const isAlone =
    statements.length === 1 || !statements.some((statement) => /\bCONCURRENTLY\b/i.test(statement));
  return isAlone
    ? wrong
    : [
        ...wrong,
        'CONCURRENTLY is not possible in a transaction: it needs a migration of its own, of one statement',
      ];
}

/** Without comments and what stands in texts and function bodies. */
function statementsOf(sql: string): string[] {
  const bare = sql
    .replace(/\$(\w*)\$[\s\S]*?\$\1\$/g, "''")
    .replace(/'(?:[^']|'')*'/g, "''")
    .replace(/--.*$/gm, '')
    .replace(/\/\*[\s\S]*?\*\//g, '');
  return bare
    .split(';')
    .map((statement) => statement.replace(/\s+/g, ' ').trim())
    .filter((statement) => statement !== '');
}

function tableOf(statement: string): string | undefined {
  return (/^ALTER TABLE (?:ONLY )?"?(\w+)"?/i.exec(statement) ??
    /^CREATE (?:UNIQUE )?INDEX .*? ON (?:ONLY )?"?(\w+)"?/i.exec(statement))?.[1];
}

const RULES: readonly { is: RegExp; but?: RegExp; words: string }[] = [
  {
    is: /^CREATE (UNIQUE )?INDEX/i,
    but: /CONCURRENTLY/i,
    words: 'an index of a table in use is built CONCURRENTLY, or nothing can be written to it meanwhile',
  },
  {
    is: /^CREATE (UNIQUE )?INDEX CONCURRENTLY/i,
    but: /IF NOT EXISTS/i,
    words:
      'an index is built CONCURRENTLY IF NOT EXISTS: it may be there, built by hand or by a start that was killed',
  },
  {
    is: /ADD CONSTRAINT .*(CHECK|FOREIGN KEY)/i,
    but: /NOT VALID/i,
    words:
      'a constraint is added NOT VALID and validated by a later migration, to avoid a full table scan under a lock',
  },
  {
    is: /ADD CONSTRAINT .*(UNIQUE|PRIMARY KEY)/i,
    but: /USING INDEX/i,
    words: 'a unique constraint is made USING an INDEX that was built CONCURRENTLY',
  },
  {
    is: /ADD COLUMN [^,]*NOT NULL/i,
    but: /ADD COLUMN [^,]*DEFAULT/i,
    words: 'a new column is nullable or has a default: older code does not fill it',
  },
  {
    is: /ADD COLUMN [^,]*DEFAULT [^,]*\b(random|gen_random_uuid|clock_timestamp|nextval|uuid\w*)\(/i,
    words: 'a default that differs from row to row writes the whole table anew',
  },
  {
    is: /ADD COLUMN [^,]*\b(BIG|SMALL)?SERIAL\b/i,
    words: 'a default that differs from row to row writes the whole table anew',
  },
  {
    is: /ALTER (COLUMN )?"?\w+"? (SET DATA )?TYPE/i,
    words: 'a change of type writes the whole table anew; add a column',
  },
  { is: /SET NOT NULL/i, words: 'older code may leave it empty, and the whole table is read under a lock' },
  {
    is: /\b(DROP COLUMN|DROP TABLE|RENAME)\b/i,
    words: 'the schema only gains: older code needs what it has',
  },
  {
    is: /^(BEGIN|COMMIT|ROLLBACK|VACUUM|CLUSTER|LOCK)\b/i,
    words: 'a migration is one transaction, and takes no locks by hand',
  },
];

function problemsOf(statement: string): string[] {
  return RULES.filter(({ is, but }) => is.test(statement) && !but?.test(statement)).map(
    ({ words }) => `${statement.slice(0, 60)}…: ${words}`,
  );
}
