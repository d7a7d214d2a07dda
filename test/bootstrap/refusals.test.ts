import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const bootstrapDir = join(__dirname, '../../scripts/bootstrap');

/**
 * Runs a line of a module of scripts/bootstrap, `it` being the module, and returns what it printed or the
 * message of its refusal.
 */
function run(module: string, line: string, env: Record<string, string> = {}): string {
  const program = `import * as it from '${bootstrapDir}/${module}';
    try { console.log(JSON.stringify(await (async () => { ${line} })())); }
    catch (error) { console.log(error.message); }`;
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', program], options).trim();
}

describe('a taken port', () => {
  let server: Server;
  let port: number;

  beforeAll(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as { port: number }).port;
  });

  afterAll(() => void server.close());

  it('is refused with the process that holds it and the variable to change it', () => {
    const refusal = run(
      'ports.mjs',
      `await it.requireFreePort(${port}, { usedFor: 'Redis', variable: 'REDIS_PORT' })`,
    );
    expect(refusal).toContain(`Port ${port} (Redis) is taken by process ${process.pid}`);
    expect(refusal).toContain('REDIS_PORT=');
  });
});

describe('settings', () => {
  it.each([
    ['POSTGRES_PORT', 'abc', 'POSTGRES_PORT=abc is not a port.'],
    ['API_PORT', '70000', 'API_PORT=70000 is not a port.'],
    ['REDIS_URL', 'http://secret@x', 'REDIS_URL is not a URL of the form redis://…'],
    ['DATABASE_URL', 'nonsense-secret', 'DATABASE_URL is not a URL of the form postgresql://…'],
  ])('%s=%s is refused by name, and without its secrets', (name, value, message) => {
    const refusal = run('settings.mjs', 'it.readSettings()', { [name]: value });
    expect(refusal).toContain(message);
    expect(refusal).not.toContain('secret');
  });
});

describe('reading a zip archive', () => {
  const archiveOf = (content: string): string =>
    spawnSync(
      process.execPath,
      [
        '--eval',
        `
    const { deflateRawSync } = require('node:zlib');
    const name = Buffer.from('a/b/tool'), packed = deflateRawSync(${JSON.stringify(content)});
    const local = Buffer.alloc(30); local.writeUInt16LE(8, 8); local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46); entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(packed.length, 20); entry.writeUInt16LE(name.length, 28);
    const end = Buffer.alloc(22); end.writeUInt32LE(0x06054b50, 0); end.writeUInt16LE(1, 10);
    end.writeUInt32LE(30 + name.length + packed.length, 16);
    process.stdout.write(Buffer.concat([local, name, packed, entry, name, end]).toString('base64'));
  `,
      ],
      { encoding: 'utf8' },
    ).stdout;

  it('finds an entry by its name’s suffix', () => {
    const archive = archiveOf('a program '.repeat(50));
    expect(
      run(
        'zip.mjs',
        `return it.readZipEntry(Buffer.from('${archive}', 'base64'), '/tool').toString().length`,
      ),
    ).toBe('500');
  });

  it('names a missing entry', () => {
    expect(run('zip.mjs', `it.readZipEntry(Buffer.from('${archiveOf('x')}', 'base64'), '/other')`)).toBe(
      'the archive contains no /other',
    );
  });

  it('refuses a file that is not an archive', () => {
    expect(run('zip.mjs', "it.readZipEntry(Buffer.from('no such thing'), 'x')")).toBe('not a zip archive');
  });
});
