import type { Variable } from './variable';
import { API_VARIABLES, SERVICE_VARIABLES } from './variables';

/** The tables of docs/settings.md, generated from the schemas; a test compares them. */
export function settingsTables(): string {
  return [
    '## Worker and API',
    '',
    ...tableOf(Object.values<Variable<unknown>>(SERVICE_VARIABLES)),
    '',
    '## API only',
    '',
    ...tableOf(Object.values<Variable<unknown>>(API_VARIABLES)),
    '',
  ].join('\n');
}

function tableOf(variables: readonly Variable<unknown>[]): string[] {
  const rows = variables.map(
    ({ name, fallback, allowed, meaning }) => `| \`${name}\` | ${fallback ?? ''} | ${allowed} | ${meaning} |`,
  );
  return ['| variable | default | allowed | meaning |', '|---|---|---|---|', ...rows];
}
