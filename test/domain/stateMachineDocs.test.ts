import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { AVAILABILITIES, AVAILABILITY_TRANSITIONS } from '../../domain/driver/availability';
import { DELIVERY_STATUSES, DELIVERY_TRANSITIONS, isClosed } from '../../domain/delivery/status';

const document = readFileSync(join(__dirname, '../../docs/state-machine.md'), 'utf8');

/** The text of the document between a marker and its end. */
function section(name: string): string {
  const [, after] = document.split(`<!-- ${name} -->\n`);
  const [inside, rest] = (after ?? '').split(`\n<!-- /${name} -->`);
  if (inside === undefined || rest === undefined)
    throw new Error(`docs/state-machine.md has no section ${name}`);
  return inside;
}

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const diagram = (
  first: string,
  last: readonly string[],
  edges: readonly { from: string; to: string }[],
): string =>
  [
    '```mermaid',
    'stateDiagram-v2',
    `  [*] --> ${first}`,
    ...edges.map(({ from, to }) => `  ${from} --> ${to}`),
    ...last.map((state) => `  ${state} --> [*]`),
    '```',
  ].join('\n');

// Fix a difference below by copying the expected text into the document.
describe('docs/state-machine.md', () => {
  it('lists exactly the legal moves of a delivery', () => {
    expect(section('delivery-table')).toBe(
      table(
        ['from', 'to', 'by'],
        DELIVERY_TRANSITIONS.map(({ from, to, by }) => [from, to, by]),
      ),
    );
  });

  it('draws the same moves of a delivery', () => {
    expect(section('delivery-diagram')).toBe(
      diagram('PENDING', DELIVERY_STATUSES.filter(isClosed), DELIVERY_TRANSITIONS),
    );
  });

  it('lists exactly the legal changes of availability', () => {
    expect(section('availability-table')).toBe(
      table(
        ['from', 'to', 'by', 'when'],
        AVAILABILITY_TRANSITIONS.map(({ from, to, by, why }) => [from, to, by.join(', '), why]),
      ),
    );
  });

  it('draws the same changes of availability', () => {
    expect(section('availability-diagram')).toBe(diagram('OFFLINE', [], AVAILABILITY_TRANSITIONS));
  });

  it('names only existing states', () => {
    const known = new Set<string>([...DELIVERY_STATUSES, ...AVAILABILITIES]);
    const drawn = [
      ...section('delivery-diagram').matchAll(/[A-Z_]{4,}/g),
      ...section('availability-diagram').matchAll(/[A-Z_]{4,}/g),
    ].map(([name]) => name);
    expect(drawn.filter((name) => !known.has(name))).toEqual([]);
  });
});
