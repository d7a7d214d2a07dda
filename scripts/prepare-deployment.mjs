// Prepares a deployment before worker and API start: migrations, the service's login, Temporal's namespace
// and search attributes. Safe to repeat. Needs MIGRATE_DATABASE_URL (the owner), DATABASE_URL (the login to
// create) and Temporal's own variables.
import { requireNode } from './bootstrap/install.mjs';
import { logStep, SetupError } from './bootstrap/log.mjs';
import { applyMigrations } from './bootstrap/migrations.mjs';
import { createAppLogin } from './bootstrap/prisma.mjs';
import { registerNamespace, registerSearchAttributes } from './bootstrap/temporal-namespace.mjs';
import { readSettings } from './bootstrap/settings.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

await supervise({ name: 'prepare-deployment' }, async () => {
  requireNode();
  const { databaseUrl, migrateDatabaseUrl } = readSettings();
  if (!databaseUrl || !migrateDatabaseUrl) {
    throw new SetupError(
      'The addresses of the database are missing.',
      'Set MIGRATE_DATABASE_URL (the owner) and DATABASE_URL (the login of the service).',
    );
  }
  logStep('applying database migrations');
  await applyMigrations(migrateDatabaseUrl);
  await createLoginOf(databaseUrl, migrateDatabaseUrl);
  logStep('registering search attributes with Temporal');
  await registerNamespace(process.env);
  await registerSearchAttributes(process.env);
  logStep('prepared');
});

/** Owner and service may share one login, which then exists already. */
async function createLoginOf(databaseUrl, ownerUrl) {
  const login = new URL(databaseUrl);
  if (login.username === new URL(ownerUrl).username) return;
  logStep(`creating the login ${login.username}`);
  await createAppLogin(ownerUrl, {
    user: decodeURIComponent(login.username),
    password: decodeURIComponent(login.password),
  });
}
