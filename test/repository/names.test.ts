import { describe, expect, test } from '@jest/globals';
import { type WrittenFile, writtenFiles } from './files';

/**
 * Names that were given up, each with the field's word for the thing. `left` uses are still to be renamed: the
 * number may only get smaller.
 */
const GIVEN_UP: readonly { name: RegExp; instead: string; left: number }[] = [
  { name: /\bOccasion\b/, instead: 'DecisionContext', left: 0 },
  { name: /\bTruth\b/, instead: 'DeliveryState', left: 0 },
  { name: /\bDraft\b/, instead: 'ChangeSet', left: 0 },
  { name: /\b(type|class|interface) Told\b/, instead: 'EventResult or ClientAnswers', left: 0 },
  { name: /\b(type|class|interface) Known\b/, instead: 'DeliverySnapshot', left: 0 },
  { name: /\b(type|class|interface) Look\b/, instead: 'SearchResult', left: 0 },
  { name: /[a-z]Desk\b|\bDesk[A-Z]/, instead: '…Service', left: 0 },
  { name: /\bkick(s|ed|ing)?\b/i, instead: 'notifyRelay', left: 0 },
  // The outbox keeps messages of the kind 'letGo'.
  { name: /\bletGo\b(?!['`])/, instead: 'releaseDriver', left: 0 },
  { name: /\bwishOf\b/, instead: 'idempotencyScope', left: 0 },
  { name: /\bwhims?\b/i, instead: 'humanActions', left: 0 },
  { name: /\bmishaps?\b/i, instead: 'requestFaults', left: 0 },
  { name: /\bpassages?\b/i, instead: 'proxyPipe', left: 0 },
  // Redis keeps a key 'presence:ears'.
  { name: /(?<!presence:)\bears\b/i, instead: 'ingest, or listener', left: 0 },
  { name: /\bdeaf/i, instead: 'ingest down', left: 0 },
];
/** These speak of the names, or of a process that does not hear signals. */
const MAY_SAY = /^(test\/repository\/|CHANGELOG\.md|test\/bootstrap\/)/;

describe('of names that were given up', () => {
  const files = writtenFiles(/\.(ts|tsx|mjs|cjs|md)$/).filter(({ path }) => !MAY_SAY.test(path));

  test.each(GIVEN_UP)('$name comes back nowhere: say $instead', ({ name, left }) => {
    const found = usesOf(name, files);
    if (found.length > left) expect(found).toHaveLength(left);
  });
});

test('a use of a name is found', () => {
  const lines = ['const kick = 1;', 'kickoff();', '// it was kicked'];
  expect(usesOf(/\bkick(ed)?\b/, [{ path: 'a.ts', lines }])).toEqual([
    'a.ts:1: const kick = 1;',
    'a.ts:3: // it was kicked',
  ]);
});

function usesOf(name: RegExp, files: readonly WrittenFile[]): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => (name.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}
