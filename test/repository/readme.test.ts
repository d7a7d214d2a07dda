import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';

const projectDir = join(__dirname, '../..');
const textOf = (path: string): string => readFileSync(join(projectDir, path), 'utf8');
const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(textOf('package.json')));

describe('README.md', () => {
  it('has fewer than 900 words, those of its commands included', () => {
    expect(textOf('README.md').trim().split(/\s+/).length).toBeLessThan(900);
  });
});

describe.each([['README.md'], ['docs/commands.md']])('%s', (page) => {
  it('links only to what is there', () => {
    const links = [...textOf(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path = '']) => path);
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((path) => !existsSync(join(projectDir, dirname(page), path)))).toEqual([]);
  });

  it('names only npm scripts that there are', () => {
    const named = [...textOf(page).matchAll(/npm run (?:--silent )?([\w:]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });
});

describe('docs/commands.md', () => {
  it('names every npm script', () => {
    const page = textOf('docs/commands.md');
    expect(Object.keys(scripts).filter((name) => !new RegExp(`\\b${name}\\b`).test(page))).toEqual([]);
  });
});
