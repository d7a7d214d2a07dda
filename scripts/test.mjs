// npm test                         every test except test/proof: checks, then all tests on their own servers;
//                                  the last line is `N passed, N failed`
// node scripts/test.mjs --proof    includes test/proof (short runs of benches, chaos, soak, upgrade, fuzz), as in CI
// npm test -- test/api -t accept   passes its arguments to jest, with those servers
// node scripts/test.mjs --projects domain,api     only these folders of test/
// node scripts/test.mjs --infra    only the servers, until Ctrl-C; `npx jest …` in another terminal uses them
import { readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { build, generatePrismaClient } from './bootstrap/build.mjs';
import { installPackages, requireNode } from './bootstrap/install.mjs';
import { logStep } from './bootstrap/log.mjs';
import { cacheDir, modulesDir, projectDir } from './bootstrap/paths.mjs';
import { supervise } from './bootstrap/supervisor.mjs';
import {
  shareTestEnvironment,
  startTestInfrastructure,
  testEnvironmentFile,
} from './bootstrap/test-infrastructure.mjs';

const WITHOUT_SERVERS = [
  'domain',
  'deploy',
  'settings',
  'bootstrap',
  'repository',
  'client',
  'simulator',
  'reliability',
  'bench',
];
// These measure time on the whole system, so nothing else runs beside them. They are excluded from coverage.
const ALONE = ['e2e', 'proof'];
const LONG = ['proof'];
const JEST_RESULTS = join(cacheDir, 'jest-results.json');

const options = parseArguments(process.argv.slice(2));

await supervise(
  { name: 'test', exclusiveDir: options.isInfraOnly ? testEnvironmentFile : undefined },
  async (supervisor) => {
    if (!options.isInfraOnly) supervisor.lastWords = () => printTotals();
    requireNode();
    await installPackages(supervisor);
    if (options.isInfraOnly) return keepInfrastructure(supervisor);
    const isPart = options.projects || options.jestArgs.length > 0;
    const results = await (isPart ? runPart : runEverything)(supervisor);
    supervisor.lastWords = () => printTotals(results);
    return results.some(({ failed }) => failed > 0) ? 1 : 0;
  },
);

function parseArguments(args) {
  const isInfraOnly = args.includes('--infra');
  const isProof = args.includes('--proof');
  const projectsAt = args.indexOf('--projects');
  const projects = projectsAt < 0 ? undefined : args[projectsAt + 1].split(',');
  const jestArgs = args.filter(
    (arg, index) =>
      arg !== '--infra' &&
      arg !== '--proof' &&
      (projectsAt < 0 || (index !== projectsAt && index !== projectsAt + 1)),
  );
  return { isInfraOnly, isProof, projects, jestArgs };
}

async function keepInfrastructure(supervisor) {
  shareTestEnvironment(supervisor, await startTestInfrastructure(supervisor));
  logStep(`ready; see ${testEnvironmentFile}. Ctrl-C stops it`);
  return new Promise(() => {});
}

async function runPart(supervisor) {
  const { projects, jestArgs } = options;
  await generatePrismaClient(supervisor);
  if (!projects || projects.some((project) => ALONE.includes(project))) await build(supervisor);
  const needsServers = !projects || projects.some((project) => !WITHOUT_SERVERS.includes(project));
  const environment = needsServers ? await startTestInfrastructure(supervisor) : {};
  const isAlone = projects?.some((project) => ALONE.includes(project));
  const selection = projects ? [...(isAlone ? ['--runInBand'] : []), '--selectProjects', ...projects] : [];
  return [await runJest(supervisor, environment, [...selection, ...jestArgs])];
}

async function runEverything(supervisor) {
  await build(supervisor);
  const environment = await startTestInfrastructure(supervisor);
  const alone = ALONE.filter((project) => options.isProof || !LONG.includes(project));
  // On two cores jest would run one test file at a time, and most of these wait for servers and timers.
  const besideEachOther = await Promise.all([
    runCheck(supervisor),
    runJest(supervisor, environment, ['--coverage', ...workers(), '--ignoreProjects', ...ALONE]),
  ]);
  return [
    ...besideEachOther,
    await runJest(supervisor, environment, ['--runInBand', '--selectProjects', ...alone]),
  ];
}

/** Jest's own choice is one fewer than the cores. */
function workers() {
  return availableParallelism() > 2 ? [] : ['--maxWorkers=2'];
}

/** The check counts as one test. */
async function runCheck(supervisor) {
  logStep('checking types, lint, layers and dead code');
  const { code } = await supervisor.start({
    name: 'check',
    command: process.execPath,
    args: [join(projectDir, 'scripts/check.mjs')],
    cwd: projectDir,
    stdio: 'inherit',
  }).exited;
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function runJest(supervisor, environment, args) {
  rmSync(JEST_RESULTS, { force: true });
  const { code } = await supervisor.start({
    name: 'jest',
    command: process.execPath,
    args: [
      join(modulesDir, 'jest/bin/jest.js'),
      '--json',
      `--outputFile=${JEST_RESULTS}`,
      '--passWithNoTests',
      ...args,
    ],
    cwd: projectDir,
    env: { ...process.env, ...environment },
    // With --json, jest's readable report goes to stderr, and its stdout repeats the results file.
    stdio: ['ignore', 'ignore', 'inherit'],
  }).exited;
  return countResults(code);
}

function countResults(exitCode) {
  let results;
  try {
    results = JSON.parse(readFileSync(JEST_RESULTS, 'utf8'));
  } catch {
    return { passed: 0, failed: 1 };
  }
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  // Coverage below its threshold fails the run, but no test.
  return { passed: results.numPassedTests, failed: exitCode !== 0 && failed === 0 ? 1 : failed };
}

/** Printed in this form even when a run ends before its tests. */
function printTotals(results = [{ passed: 0, failed: 1 }]) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
}
