/** Runs the commands of README.md in a shell. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LiveSystem, LOCAL_KEY } from '../support/liveSystem';

const projectDir = join(__dirname, '../..');
const SHOWN_ADDRESS = 'http://127.0.0.1:3001';

let system: LiveSystem;
beforeAll(async () => {
  system = await LiveSystem.start();
}, 120_000);
afterAll(() => system.close(), 60_000);

/** The lines of the only `sh` block, with the address of this test's service. */
function walkthrough(apiUrl: string): string {
  const [, block, ...others] = readFileSync(join(projectDir, 'README.md'), 'utf8').split(/^```sh$/m);
  const [lines = ''] = (block ?? '').split(/^```$/m);
  expect([others, lines.includes(SHOWN_ADDRESS)]).toEqual([[], true]);
  return lines.replace(SHOWN_ADDRESS, apiUrl);
}

type Ran = { stdout: string; stderr: string; code: number | null };

/** Stops at the first line that fails, as a reader would. */
function run(script: string, env: NodeJS.ProcessEnv): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd: projectDir, env, timeout: 60_000 };
    const shell = execFile(
      'bash',
      ['-e', '-o', 'pipefail', '-c', script],
      options,
      (_error, stdout, stderr) => resolve({ stdout, stderr, code: shell.exitCode }),
    );
  });
}

test('the walkthrough in README.md ends with an accepted offer, twice in a row', async () => {
  const { apiUrl, db } = system.parts;
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, API_URL: apiUrl, JWT_LOCAL_KEY: LOCAL_KEY };
  for (const times of [1, 2]) {
    const { stdout, stderr, code } = await run(walkthrough(apiUrl), env);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.trim().split('\n').at(-1)).toBe('ASSIGNED');
    const taken = await db.delivery.findMany({ where: { merchantId: 'my-shop' } });
    const mine = await db.driver.findMany({ where: { name: 'Me' } });
    expect(taken.map(({ status }) => status)).toEqual(Array.from({ length: times }, () => 'ASSIGNED'));
    expect(taken.map(({ driverId }) => driverId).sort()).toEqual(mine.map(({ id }) => id).sort());
  }
}, 150_000);
