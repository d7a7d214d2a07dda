/** The alert rules in ops/alerts: each names metrics that the code exposes, and stands in docs/operations.md. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { projectDir, readProjectFile } from './projectFiles';

type Rules = { groups: { name: string; rules: Rule[] }[] };
type Rule = { alert: string; expr: string; labels: { severity: string }; annotations: { summary: string } };

const rules = readdirSync(join(projectDir, 'ops/alerts'))
  .flatMap((file) => (parse(readProjectFile(`ops/alerts/${file}`)) as Rules).groups)
  .flatMap((group) => group.rules);

const exposed = new Set(
  ['worker', 'api', 'services', 'adapters']
    .flatMap((dir) =>
      readdirSync(join(projectDir, dir), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(dir, file),
      ),
    )
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(join(projectDir, file), 'utf8').matchAll(/name: '([a-z][a-z_]+)'/g)])
    .map(([, name]) => name),
);
const SUFFIX = /_(bucket|count|sum)$/;

describe.each(rules)('alert $alert', ({ alert, expr, labels, annotations }) => {
  test('names metrics that the code exposes', () => {
    const metrics = expr.match(/\b[a-z]+(?:_[a-z]+)+\b(?!\s*\()/g) ?? [];
    expect(metrics.length).toBeGreaterThan(0);
    expect(metrics.filter((name) => !exposed.has(name) && !exposed.has(name.replace(SUFFIX, '')))).toEqual(
      [],
    );
  });

  test('says how urgent it is and what happened', () => {
    expect(labels.severity).toMatch(/^(critical|warning)$/);
    expect(annotations.summary).toMatch(/^[A-Z].*\.$/);
  });

  test('has an entry in docs/operations.md', () => {
    expect(readProjectFile('docs/operations.md')).toContain(`\`${alert}\``);
  });
});
