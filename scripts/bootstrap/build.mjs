// Builds dist/ from the TypeScript sources: Prisma's client, compiled modules and the workflow bundle.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  copyFileSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { changedSince, filesBelow, fingerprint } from './fingerprint.mjs';
import { logStep } from './log.mjs';
import { modulesDir, projectDir } from './paths.mjs';
import { prismaCli, prismaEnvironment } from './prisma.mjs';

const distDir = join(projectDir, 'dist');
const PRISMA_INPUTS = ['prisma/schema.prisma', 'prisma.config.ts'];
const TOOLS = ['package-lock.json', '.swcrc'];
const CLIENT_DIR = 'packages/api-client';
/** Only tests use test/. A package is built into its own dist/. */
const NOT_COMPILED = ['test', 'packages'];
const isSource = (file) => file.endsWith('.ts') && !file.endsWith('.d.ts');
const isCopied = (file) => /\.(json|lua|html|css)$/.test(file);

export async function generatePrismaClient(supervisor) {
  if (!existsSync(join(projectDir, 'prisma/schema.prisma'))) return;
  const change = changedSince('prisma-client', fingerprint([...PRISMA_INPUTS, 'package-lock.json']));
  if (!change.isChanged && existsSync(join(projectDir, 'prisma/client'))) return;
  logStep('generating the Prisma client');
  await supervisor.run({
    name: 'prisma generate',
    command: process.execPath,
    args: [prismaCli, 'generate'],
    cwd: projectDir,
    env: prismaEnvironment(),
  });
  change.done();
}

export async function build(supervisor) {
  await generatePrismaClient(supervisor);
  await buildClient(supervisor);
  const folders = sourceFolders();
  const change = changedSince('dist', fingerprint([...folders, ...TOOLS]));
  if (!change.isChanged && existsSync(distDir)) return;
  logStep('compiling');
  const outputs = await Promise.all(
    folders.flatMap((folder) => filesBelow(join(projectDir, folder))).map(compile),
  );
  const bundle = await bundleWorkflows();
  removeOthers(new Set([...outputs.flat(), ...bundle]));
  change.done();
}

/** Builds packages/api-client/dist with types, for the simulator, pages and other importers. */
async function buildClient(supervisor) {
  const inputs = ['src', 'package.json', 'tsconfig.json'].map((name) => `${CLIENT_DIR}/${name}`);
  const change = changedSince('api-client', fingerprint([...inputs, 'package-lock.json']));
  if (!change.isChanged && existsSync(join(projectDir, CLIENT_DIR, 'dist'))) return;
  logStep('compiling the API client');
  await supervisor.run({
    name: 'tsc',
    command: process.execPath,
    args: [join(modulesDir, 'typescript/bin/tsc'), '--project', CLIENT_DIR],
    cwd: projectDir,
  });
  change.done();
}

/** The folders of the service that tsconfig.json names. */
function sourceFolders() {
  const { include } = JSON.parse(readFileSync(join(projectDir, 'tsconfig.json'), 'utf8'));
  return include.filter((folder) => !NOT_COMPILED.includes(folder));
}

async function compile(file) {
  const output = join(distDir, relative(projectDir, file));
  if (isCopied(file)) {
    mkdirSync(dirname(output), { recursive: true });
    copyFileSync(file, output);
    return [output];
  }
  if (!isSource(file)) return [];
  const { transformFile } = createRequire(import.meta.url)('@swc/core');
  const { code, map } = await transformFile(file, { cwd: projectDir });
  const path = output.replace(/\.ts$/, '.js');
  writeWhole(path, `${code}\n//# sourceMappingURL=${path.slice(dirname(path).length + 1)}.map\n`);
  writeWhole(`${path}.map`, map);
  return [path, `${path}.map`];
}

async function bundleWorkflows() {
  const workflowsPath = join(distDir, 'workflows/index.js');
  if (!existsSync(workflowsPath)) return [];
  const { bundleWorkflowCode, DefaultLogger } = createRequire(import.meta.url)('@temporalio/worker');
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  const path = join(distDir, 'workflow-bundle.js');
  writeWhole(path, code);
  return [path];
}

/** Compiled files whose sources no longer exist. */
function removeOthers(outputs) {
  for (const file of filesBelow(distDir)) if (!outputs.has(file)) rmSync(file);
}

/** A process that starts during a build never reads an incomplete file. */
function writeWhole(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.unfinished`;
  writeFileSync(unfinished, content);
  renameSync(unfinished, path);
}
