// npm run release -- VERSION [--dry-run]: bumps the version, dates the changelog, commits and tags. Does not
// push.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const VERSION = /^(\d+)\.(\d+)\.(\d+)$/;
const UNRELEASED = '## [Unreleased]';

/** The reason why `next` cannot follow `current`; null where it can. */
export function versionProblem(current, next) {
  if (!VERSION.test(next ?? '')) return `${next ?? 'nothing'} is not a version of the form 2.2.0`;
  const [before, after] = [current, next].map((version) => version.split('.').map(Number));
  const differing = after.findIndex((part, index) => part !== before[index]);
  return differing >= 0 && after[differing] > before[differing] ? null : `${next} does not follow ${current}`;
}

/**
 * Moves the unreleased entries under the version.
 * @throws Error where there are none
 */
export function datedChangelog(changelog, version, date) {
  const start = changelog.indexOf(UNRELEASED);
  if (start < 0) throw new Error(`CHANGELOG.md has no section "${UNRELEASED}"`);
  const rest = changelog.slice(start + UNRELEASED.length);
  const end = rest.search(/^## \[/m);
  if (rest.slice(0, end < 0 ? undefined : end).trim() === '')
    throw new Error('CHANGELOG.md has no unreleased entries');
  return `${changelog.slice(0, start)}${UNRELEASED}\n\n## [${version}] - ${date}${rest}`;
}

/** The text of package.json or package-lock.json with the new version of the service and its workspaces. */
export function withVersion(text, version) {
  const json = JSON.parse(text);
  json.version = version;
  for (const [path, entry] of Object.entries(json.packages ?? {}))
    if (!path.includes('node_modules/')) entry.version = version;
  return `${JSON.stringify(json, null, 2)}\n`;
}

function workspacesIn(folder) {
  const packages = resolve(folder, 'packages');
  if (!existsSync(packages)) return [];
  return readdirSync(packages).map((name) => `packages/${name}/package.json`);
}

/**
 * @param folder the checkout
 * @returns the commit subject, also for a dry run
 */
export function release(folder, version, { isDryRun, date }) {
  const git = (...args) => execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim();
  const read = (file) => readFileSync(resolve(folder, file), 'utf8');
  const problem = versionProblem(JSON.parse(read('package.json')).version, version);
  if (problem) throw new Error(problem);
  if (git('status', '--porcelain') !== '') throw new Error('there are uncommitted changes');
  if (git('tag', '--list', `v${version}`) !== '') throw new Error(`tag v${version} exists already`);
  const files = {
    'CHANGELOG.md': datedChangelog(read('CHANGELOG.md'), version, date),
    'package.json': withVersion(read('package.json'), version),
    'package-lock.json': withVersion(read('package-lock.json'), version),
    ...Object.fromEntries(workspacesIn(folder).map((file) => [file, withVersion(read(file), version)])),
  };
  const subject = `release: ${version}`;
  if (isDryRun) return subject;
  for (const [file, text] of Object.entries(files)) writeFileSync(resolve(folder, file), text);
  git('commit', '--quiet', '--message', subject, '--', ...Object.keys(files));
  git('tag', '--annotate', '--message', subject, `v${version}`);
  return subject;
}

if (import.meta.filename === process.argv[1]) {
  const args = process.argv.slice(2);
  const isDryRun = args.includes('--dry-run');
  try {
    const date = new Date().toISOString().slice(0, 10);
    const subject = release(
      process.cwd(),
      args.find((arg) => !arg.startsWith('--')),
      { isDryRun, date },
    );
    console.log(
      isDryRun
        ? `would commit and tag "${subject}"`
        : `committed and tagged "${subject}"; push it with its tag`,
    );
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
