/** A real PgBouncer before the test's PostgreSQL. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { freePort } from '../../simulator/kit/freePort';
import { requiredVariable } from './database';
import { eventually } from './eventually';

export type PoolMode = 'transaction' | 'session';

export type PgBouncer = {
  /** The same database and login, through the pooler. */
  through(url: string): string;
  close(): Promise<void>;
};

/** Without one, the set-up of the tests has said why; in CI it fails. */
export const HAS_PGBOUNCER = process.env.TEST_PGBOUNCER !== undefined;

/** @param ignored start-up parameters that it takes and forgets, where it refuses others */
export async function startPgBouncer({
  mode,
  poolSize = 2,
  ignored = [],
}: {
  mode: PoolMode;
  poolSize?: number;
  ignored?: readonly string[];
}): Promise<PgBouncer> {
  const dir = mkdtempSync(join(tmpdir(), 'pgbouncer-'));
  chmodSync(dir, 0o755); // as root it takes the rights of another user, who reads its files
  const port = await freePort();
  const server = new URL(requiredVariable('TEST_DATABASE_URL'));
  const logins = ['TEST_DATABASE_URL', 'TEST_APP_DATABASE_URL'].map(
    (name) => new URL(requiredVariable(name)),
  );
  const users = join(dir, 'users.txt');
  writeFileSync(users, logins.map(({ username, password }) => `"${username}" "${password}"\n`).join(''));
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    pool_mode: mode,
    default_pool_size: poolSize,
    ignore_startup_parameters: ignored.join(','),
  };
  const config = join(dir, 'pgbouncer.ini');
  writeFileSync(
    config,
    [
      '[databases]',
      `* = host=${server.hostname} port=${server.port}`,
      '[pgbouncer]',
      ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`),
      '',
    ].join('\n'),
  );
  const asUser = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn(requiredVariable('TEST_PGBOUNCER'), [...asUser, config], { stdio: 'pipe' });
  const lines: string[] = [];
  child.stderr.on('data', (text: Buffer) => void lines.push(text.toString()));
  const through = (url: string): string => {
    const pooled = new URL(url);
    pooled.port = String(port);
    return pooled.href;
  };
  await eventually('PgBouncer answers', () => answers(child, lines, through(server.href)));
  return {
    through,
    close: async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(dir, { recursive: true });
    },
  };
}

async function answers(child: ChildProcess, lines: readonly string[], url: string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${lines.join('')}`);
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
