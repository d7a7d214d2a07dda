import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const SCRIPT = join(__dirname, '../../scripts/release.mjs');
const SUBJECTS = join(__dirname, '../../scripts/commit-subjects.mjs');
const CHANGELOG =
  '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A bell.\n\n## [2.1.0] - 2026-11-23\n\n- Old.\n';

let folder: string;
const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim();
const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
const read = (file: string) => readFileSync(join(folder, file), 'utf8');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'release-'));
  git('init', '--quiet');
  git('config', 'user.name', 'Ann');
  git('config', 'user.email', 'ann@example.org');
  write('CHANGELOG.md', CHANGELOG);
  write('package.json', JSON.stringify({ name: 'x', version: '2.1.0' }));
  mkdirSync(join(folder, 'packages/client'), { recursive: true });
  write('packages/client/package.json', JSON.stringify({ name: 'client', version: '2.1.0' }));
  const lock = { '': { version: '2.1.0' }, 'packages/client': { version: '2.1.0' } };
  write('package-lock.json', JSON.stringify({ version: '2.1.0', packages: lock }));
  git('add', '--all');
  git('commit', '--quiet', '--message', 'all: begin');
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(script: string, ...args: string[]): { code: number; said: string } {
  try {
    const said = execFileSync(process.execPath, [script, ...args], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return { code: 0, said };
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: string };
    return { code: status, said: stderr };
  }
}

describe('a release', () => {
  test('bumps the service and its workspaces, dates the changelog section, commits and tags', () => {
    expect(run(SCRIPT, '2.2.0').code).toBe(0);
    expect(JSON.parse(read('package.json'))).toMatchObject({ version: '2.2.0' });
    expect(JSON.parse(read('packages/client/package.json'))).toMatchObject({ version: '2.2.0' });
    expect(JSON.parse(read('package-lock.json'))).toMatchObject({
      packages: { '': { version: '2.2.0' }, 'packages/client': { version: '2.2.0' } },
    });
    expect(read('CHANGELOG.md')).toMatch(
      /## \[Unreleased\]\n\n## \[2\.2\.0\] - \d{4}-\d\d-\d\d\n\n### Added\n\n- A bell\./,
    );
    expect(git('log', '-1', '--format=%s')).toBe('release: 2.2.0');
    expect(git('tag', '--points-at', 'HEAD')).toBe('v2.2.0');
    expect(git('status', '--porcelain')).toBe('');
  });

  test('with --dry-run changes nothing', () => {
    expect(run(SCRIPT, '2.2.0', '--dry-run')).toMatchObject({ code: 0 });
    expect(git('status', '--porcelain')).toBe('');
    expect(git('tag', '--list')).toBe('');
  });

  test.each([
    ['the same version', '2.1.0', /does not follow 2\.1\.0/],
    ['an older version', '2.0.9', /does not follow 2\.1\.0/],
    ['a word', 'next', /not a version/],
  ])('of %s is refused', (_, version, words) => {
    const { code, said } = run(SCRIPT, version);
    expect(code).toBe(1);
    expect(said).toMatch(words);
  });

  test('with uncommitted changes is refused', () => {
    write('note', 'x');
    expect(run(SCRIPT, '2.2.0')).toMatchObject({
      code: 1,
      said: expect.stringMatching(/uncommitted changes/),
    });
  });

  test('with nothing unreleased is refused', () => {
    write('CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n\n## [2.1.0] - 2026-11-23\n');
    git('commit', '--quiet', '--all', '--message', 'docs: nothing new');
    expect(run(SCRIPT, '2.2.0')).toMatchObject({
      code: 1,
      said: expect.stringMatching(/no unreleased entries/),
    });
  });
});

describe('a commit subject', () => {
  test.each([
    ['offers: withdraw before the next search', 0],
    ['Merge branch x', 0],
    ['Withdraw before the next search', 1],
    [`offers: ${'x'.repeat(65)}`, 1],
  ])('"%s" ends the check with %s', (subject, code) => {
    git('commit', '--quiet', '--allow-empty', '--message', subject);
    expect(run(SUBJECTS, 'HEAD~1..HEAD').code).toBe(code);
  });
});
