/**
 * node --require dist/bench/statements/main.js PROGRAM, with STATEMENTS_FILE set: counts the statements that
 * the program sends to PostgreSQL, each a round trip, by text. Writes the counts to that file as JSON on
 * exit. Used for profiles; the overhead is small.
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
if (typeof original !== 'function') throw new Error('pg.Client has no method query');
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
