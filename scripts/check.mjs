// npm run check: format, types, lint, layers, dead code, and the client types of the API. Every check runs, even
// after a failure.
import { join, resolve } from 'node:path';
import { generatePrismaClient } from './bootstrap/build.mjs';
import { installPackages, requireNode } from './bootstrap/install.mjs';
import { logStep } from './bootstrap/log.mjs';
import { modulesDir, projectDir } from './bootstrap/paths.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

const CHECKS = [
  { name: 'format', script: 'prettier/bin/prettier.cjs', args: ['--check', '--log-level', 'warn', '.'] },
  { name: 'types', script: 'typescript/bin/tsc', args: [] },
  {
    name: 'lint',
    script: 'eslint/bin/eslint.js',
    args: ['.', '--max-warnings', '0', '--cache', '--cache-location', '.cache/eslint'],
  },
  {
    name: 'layers',
    script: 'dependency-cruiser/bin/dependency-cruise.mjs',
    args: ['--output-type', 'err', '.'],
  },
  { name: 'dead code', script: 'knip/bin/knip.js', args: [] },
  { name: 'client types', script: join(projectDir, 'scripts/api-types.mjs'), args: ['--check'] },
];

await supervise({ name: 'check' }, async (supervisor) => {
  requireNode();
  await installPackages(supervisor);
  await generatePrismaClient(supervisor);
  const failed = [];
  for (const check of CHECKS) {
    logStep(`checking ${check.name}`);
    const { code } = await runCheck(supervisor, check);
    if (code !== 0) failed.push(check.name);
  }
  if (failed.length > 0) logStep(`failed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
});

function runCheck(supervisor, { name, script, args }) {
  return supervisor.start({
    name: name.replace(' ', '-'),
    command: process.execPath,
    args: [resolve(modulesDir, script), ...args],
    cwd: projectDir,
    stdio: 'inherit',
  }).exited;
}
