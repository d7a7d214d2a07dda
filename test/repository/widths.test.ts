import { expect, test } from '@jest/globals';
import { writtenFiles } from './files';
import { EXCLUDED, tooWide } from './widths';

const CODE = /(\.(ts|tsx|mjs|cjs|prisma|ya?ml|sh)|^\.ci\/run)$/;

test('no line of prose exceeds 120 columns, except tables and URLs', () => {
  const pages = writtenFiles(/\.md$/);
  expect(pages.flatMap((page) => tooWide(page))).toEqual([]);
});

test('no line of code exceeds 120 columns, except released migrations and generated types', () => {
  const written = writtenFiles(CODE).filter(({ path }) => !EXCLUDED.some(({ paths }) => paths.test(path)));
  const wide = written.filter((file) => tooWide(file).length > 0).map(({ path }) => path);
  expect(wide).toEqual([]);
});

test.each([
  ['a code line of 121 columns', 'a.ts', 'x'.repeat(121), 1],
  ['a code line of 120 columns', 'a.ts', 'x'.repeat(120), 0],
  ['a table', 'a.md', `| ${'x '.repeat(80)} |`, 0],
  ['a URL', 'a.md', `See https://example.org/${'x'.repeat(120)}`, 0],
  ['a long sentence with a URL', 'a.md', `${'word '.repeat(25)} https://example.org`, 1],
  ['a link with a long target', 'a.md', `See [this](${'x'.repeat(120)}.md).`, 0],
  ['a long sentence', 'a.md', 'word '.repeat(30), 1],
])('%s', (_, path, line, count) => {
  expect(tooWide({ path, lines: [line] })).toHaveLength(count);
});
