import { describe, expect, test } from '@jest/globals';
import { anchorsOf, brokenCitations, type Sources } from './citations';
import { isInProject, writtenFiles } from './files';

const CODE_AND_PROSE = /\.(ts|tsx|mjs|cjs|md|yml|yaml|prisma|sql|sh)$/;
/** Here stand citations that are broken on purpose. */
const SELF = 'test/repository/';

function sources(): Sources {
  const pages = writtenFiles(/\.md$/);
  const numbers = pages.flatMap(({ path }) => /^docs\/adr\/(\d+)-/.exec(path)?.slice(1) ?? []);
  return {
    adrs: new Set(numbers.map(Number)),
    anchors: new Map(pages.map((page) => [page.path, anchorsOf(page)])),
    exists: isInProject,
  };
}

test('every section, file and ADR that code and docs cite exists', () => {
  const all = sources();
  const files = writtenFiles(CODE_AND_PROSE).filter(({ path }) => !path.startsWith(SELF));
  expect(files.flatMap((file) => brokenCitations(file, all))).toEqual([]);
});

describe('ADRs', () => {
  const adrs = writtenFiles(/^docs\/adr\/\d+-.*\.md$/).map(({ path, lines }) => ({
    number: Number(/\d+/.exec(path)?.[0]),
    path,
    title: lines[0] ?? '',
  }));

  test('are numbered from 1 without gaps', () => {
    const numbers = adrs.map(({ number }) => number).sort((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  test('have their number in the title', () => {
    expect(adrs.filter(({ number, title }) => !title.startsWith(`# ${number}. `))).toEqual([]);
  });

  test('stand in the index, each with one line', () => {
    const [index] = writtenFiles(/^docs\/adr\/README\.md$/);
    const unlisted = adrs.filter(
      ({ path }) =>
        index?.lines.filter((line) => line.includes(`(${path.slice('docs/adr/'.length)})`)).length !== 1,
    );
    expect(unlisted).toEqual([]);
  });
});

describe('of these citations', () => {
  const known: Sources = {
    adrs: new Set([1, 2]),
    anchors: new Map([
      ['docs/behaviour.md', anchorsOf({ path: '', lines: ['# Rules', '## Audit trail', '### A `b`: c'] })],
      ['docs/adr/0001-one.md', new Set<string>()],
    ]),
    exists: (path) => path === 'test/api/audit.test.ts' || path === 'LICENSE',
  };
  test.each([
    ['an ADR that exists', 'a.ts', '(ADR 2)', 0],
    ['one that does not', 'a.ts', '(ADR 3)', 1],
    ['two, the second of which does not exist', 'a.ts', '(ADRs 2 and 3)', 1],
    ['the file of an ADR', 'a.ts', 'docs/adr/0001-one.md', 0],
    ['the file of an ADR that was renamed', 'a.ts', 'docs/adr/0001-two.md', 1],
    ['a founding ADR', 'a.ts', 'Founding ADR-024', 0],
    ['a founding ADR that is not said to be one', 'a.ts', 'ADR-024', 1],
    ['a founding ADR that there never was', 'a.ts', 'founding ADR-032', 1],
    ['a page alone', 'a.ts', 'see docs/behaviour.md.', 0],
    ['a page that does not exist', 'a.ts', 'docs/behavior.md', 1],
    ['a section', 'a.ts', '(docs/behaviour.md#audit-trail)', 0],
    ['a section with signs in its heading', 'a.ts', '(docs/behaviour.md#a-b-c)', 0],
    ['a section that does not exist', 'a.ts', '(docs/behaviour.md#orders)', 1],
    ['a section in another form', 'a.ts', '(docs/behaviour.md, Rules)', 1],
    ['a document that is not in the repository', 'a.ts', '(spec 4)', 1],
    ['a link', 'docs/a.md', '[rules](behaviour.md#audit-trail), [licence](../LICENSE)', 0],
    ['a link to nowhere', 'docs/a.md', '[rules](../behaviour.md)', 1],
    ['a link to no section', 'docs/a.md', '[rules](behaviour.md#orders)', 1],
    ['a test', 'docs/a.md', 'proven by `test/api/audit.test.ts`', 0],
    ['a test that is gone', 'docs/a.md', 'proven by `test/api/audits.test.ts`', 1],
  ])('%s is judged so', (_, path, line, count) => {
    expect(brokenCitations({ path, lines: [line] }, known)).toHaveLength(count);
  });

  test('one that is broken over two lines is found once', () => {
    const lines = [' * As the database says (ADR', ' * 3).'];
    expect(brokenCitations({ path: 'a.ts', lines }, known)).toEqual(['a.ts:1: ADR 3']);
  });
});
