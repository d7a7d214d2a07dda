// node scripts/node-versions.mjs [20.19 22 24]: runs `npm run check` and the unit tests on each of these Node
// versions. They come from the npm packages of Node's binaries and are cached.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { cacheDir, projectDir } from './bootstrap/paths.mjs';

const SUPPORTED = ['20.19', '22', '24'];
const STEPS = ['check', 'test:unit'].map(argumentsOf);
const PACKAGE = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

const asked = process.argv.slice(2);
const failed = (asked.length > 0 ? asked : SUPPORTED).filter((version) => !passes(version));
console.error(failed.length === 0 ? 'All versions pass.' : `Failed: Node ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** What the npm script gives to `node`. */
function argumentsOf(script) {
  const { scripts } = JSON.parse(readFileSync(join(projectDir, 'package.json'), 'utf8'));
  return scripts[script].split(' ').slice(1);
}

function passes(version) {
  const node = binaryOf(version);
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  console.error(`Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`);
  return STEPS.every(
    (args) => spawnSync(node, args, { cwd: projectDir, env, stdio: 'inherit' }).status === 0,
  );
}

/** Downloads the newest release of this version unless it is cached. */
function binaryOf(version) {
  const folder = join(cacheDir, `node-${version}`);
  const node = join(
    folder,
    'node_modules',
    PACKAGE,
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-save',
    `${PACKAGE}@${version}`,
  ];
  execFileSync('npm', args, { cwd: folder, stdio: 'inherit' });
  return node;
}
