// npm run db -- generate | migrate | down, or npm run db -- prisma ARGUMENTS… for any other Prisma command.
// The database is MIGRATE_DATABASE_URL, or DATABASE_URL, or else the one of `npm start`, which is started
// meanwhile.
import { join } from 'node:path';
import { generatePrismaClient } from './bootstrap/build.mjs';
import { startEmbeddedPostgres } from './bootstrap/infrastructure.mjs';
import { installPackages, requireNode } from './bootstrap/install.mjs';
import { logStep, SetupError } from './bootstrap/log.mjs';
import { applyMigrations, revertNewestMigration } from './bootstrap/migrations.mjs';
import { dataDir, projectDir } from './bootstrap/paths.mjs';
import { prismaCli, prismaEnvironment } from './bootstrap/prisma.mjs';
import { keptSecrets } from './bootstrap/secrets.mjs';
import { readSettings } from './bootstrap/settings.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

const COMMANDS = { generate: generatePrismaClient, migrate, down, prisma };
const [commandName, ...args] = process.argv.slice(2);
const settings = readSettings();
const givenUrl = settings.migrateDatabaseUrl ?? settings.databaseUrl;
const isEmbedded = commandName !== 'generate' && !givenUrl;

await supervise({ name: 'database', exclusiveDir: isEmbedded ? dataDir : undefined }, async (supervisor) => {
  const command = COMMANDS[commandName];
  if (!command)
    throw new SetupError(`Unknown command ${commandName}.`, `Known: ${Object.keys(COMMANDS).join(', ')}`);
  requireNode();
  await installPackages(supervisor);
  return command(supervisor);
});

async function migrate(supervisor) {
  const names = await applyMigrations(await ownerUrl(supervisor));
  logStep(names.length > 0 ? `applied ${names.join(', ')}` : 'the database is up to date');
}

async function down(supervisor) {
  const name = await revertNewestMigration(await ownerUrl(supervisor));
  logStep(name ? `reverted ${name}` : 'no migration is applied');
}

async function prisma(supervisor) {
  const { code } = await supervisor.start({
    name: 'prisma',
    command: process.execPath,
    args: [prismaCli, ...args],
    cwd: projectDir,
    env: { ...prismaEnvironment(), MIGRATE_DATABASE_URL: await ownerUrl(supervisor) },
    stdio: 'inherit',
  }).exited;
  return code ?? 1;
}

async function ownerUrl(supervisor) {
  if (givenUrl) return givenUrl;
  const { ownerPassword } = keptSecrets(join(dataDir, 'secrets.json'));
  const postgres = await startEmbeddedPostgres(supervisor, {
    dir: dataDir,
    port: settings.postgresPort,
    password: ownerPassword,
  });
  return postgres.urlOf('dispatch');
}
