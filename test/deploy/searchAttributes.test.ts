import { execFileSync } from 'node:child_process';
import { expect, it } from '@jest/globals';
import { searchAttributes } from '../../workflows/contract';

const MODULE = '../../scripts/bootstrap/temporal-namespace.mjs';
const TYPE_NAMES: Record<string, string> = { KEYWORD: 'Keyword', INT: 'Int', DATETIME: 'Datetime' };

it('registers the search attributes that the workflows set, by name and type', () => {
  const program = `const { SEARCH_ATTRIBUTES } = await import('${require.resolve(MODULE)}');
    console.log(JSON.stringify(SEARCH_ATTRIBUTES))`;
  const registered: unknown = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' }),
  );
  const used = Object.fromEntries(
    Object.values(searchAttributes).map(({ name, type }) => [name, TYPE_NAMES[type]]),
  );
  expect(registered).toEqual(used);
});
