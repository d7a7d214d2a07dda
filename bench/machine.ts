import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { z } from 'zod';

/** The machine that a figure was measured on. Each bench adds it to its JSON line. */
export type Machine = { cpu: string; cpus: number; memoryGb: number; node: string; service: string };
export type Versions = { postgres: string; redis: string; temporal: string };

const PACKAGE = z.object({ version: z.string() });

/** This machine, its Node.js, and the release of this service. */
export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.version,
    service: serviceVersion(),
  };
}

/**
 * The versions of the servers at these addresses; Temporal by its own environment configuration.
 * @throws Error where one does not answer
 */
export async function serverVersions({
  databaseUrl,
  redisUrl,
}: {
  databaseUrl: string;
  redisUrl: string;
}): Promise<Versions> {
  const [postgres, redis, temporal] = await Promise.all([
    postgresVersion(databaseUrl),
    redisVersion(redisUrl),
    temporalVersion(),
  ]);
  return { postgres, redis, temporal };
}

/** The project folder, whether this runs compiled or not. */
export const PROJECT_DIR = __dirname.split(/[\\/]/).includes('dist')
  ? join(__dirname, '../..')
  : join(__dirname, '..');

function serviceVersion(): string {
  return PACKAGE.parse(JSON.parse(readFileSync(join(PROJECT_DIR, 'package.json'), 'utf8'))).version;
}

async function postgresVersion(connectionString: string): Promise<string> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    const {
      rows: [row],
    } = await client.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
    return row?.version ?? 'unknown';
  } finally {
    await client.end();
  }
}

async function redisVersion(url: string): Promise<string> {
  const redis = new Redis(url);
  try {
    return /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown';
  } finally {
    redis.disconnect();
  }
}

async function temporalVersion(): Promise<string> {
  const connection = await Connection.connect(loadClientConnectConfig().connectionOptions);
  try {
    return (await connection.workflowService.getSystemInfo({})).serverVersion;
  } finally {
    await connection.close();
  }
}
