/**
 * node --require dist/bench/statements/main.js PROGRAM, with STATEMENTS_FILE: counts the statements that the
 * program sends to PostgreSQL, each a round trip, by their text, and leaves the counts in that file as JSON
 * when it ends. For profiles: it costs the program a little.
 */
import { writeFileSync } from 'node:fs';
import { Client } from 'pg';

const file = process.env.STATEMENTS_FILE;
const counts = new Map<string, number>();

function textOf(asked: unknown): string {
  if (typeof asked === 'string') return asked;
  if (typeof asked === 'object' && asked !== null && 'text' in asked && typeof asked.text === 'string')
    return asked.text;
  return 'unknown';
}

const original: unknown = Reflect.get(Client.prototype, 'query');
if (typeof original !== 'function') throw new Error('the driver of PostgreSQL has no query to count');
Reflect.set(Client.prototype, 'query', function query(this: Client, ...args: unknown[]): unknown {
  const text = textOf(args[0]).replace(/\s+/g, ' ').trim();
  counts.set(text, (counts.get(text) ?? 0) + 1);
  const answered: unknown = Reflect.apply(original, this, args);
  return answered;
});

process.once('exit', () => {
  if (file !== undefined)
    writeFileSync(
      file,
      JSON.stringify(Object.fromEntries([...counts].sort(([, a], [, b]) => b - a)), null, 2),
    );
});
