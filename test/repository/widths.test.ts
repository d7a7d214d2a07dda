import { expect, test } from '@jest/globals';
import { writtenFiles } from './files';
import { tooWide } from './widths';

/** Wide lines of code that are still to be broken. It may only get smaller; at 0 it can go. */
const WIDE_LINES_OF_CODE_LEFT = 240;

test('no line of prose is wider than 120 columns, but for tables and addresses', () => {
  const pages = writtenFiles(/\.md$/);
  expect(pages.flatMap((page) => tooWide(page))).toEqual([]);
});

test(`at most ${WIDE_LINES_OF_CODE_LEFT} lines of code are wider than 120 columns`, () => {
  const wide = writtenFiles(/\.(ts|tsx|mjs|cjs)$/).flatMap((file) => tooWide(file));
  process.stderr.write(`${wide.length} lines of code are wider than 120 columns\n`);
  if (wide.length > WIDE_LINES_OF_CODE_LEFT) expect(wide).toHaveLength(WIDE_LINES_OF_CODE_LEFT);
});

test.each([
  ['a long line of code', 'a.ts', 'x'.repeat(121), 1],
  ['one of 120', 'a.ts', 'x'.repeat(120), 0],
  ['a table', 'a.md', `| ${'x '.repeat(80)} |`, 0],
  ['an address', 'a.md', `See https://example.org/${'x'.repeat(120)}`, 0],
  ['a long sentence with an address in it', 'a.md', `${'word '.repeat(25)} https://example.org`, 1],
  ['a link to a long address', 'a.md', `See [this](${'x'.repeat(120)}.md).`, 0],
  ['a long sentence', 'a.md', 'word '.repeat(30), 1],
])('%s is judged so', (_, path, line, count) => {
  expect(tooWide({ path, lines: [line] })).toHaveLength(count);
});
