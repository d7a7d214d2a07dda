import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

/** The operator's commands, run as they are. */
export type Answered = { code: number; said: unknown; words: string };

const run = promisify(execFile);
const FAILED = z.object({ code: z.number(), stdout: z.string(), stderr: z.string() });
const MAX_OUTPUT = 10_000_000;

/**
 * Runs a Node program to its end. `said`: its last line on stdout, where that is JSON.
 * @throws Error where it could not be started, or was killed
 */
export async function command(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Answered> {
  const { code, stdout, stderr } = await run(process.execPath, ['--enable-source-maps', path, ...args], {
    env,
    maxBuffer: MAX_OUTPUT,
  }).then(
    (done) => ({ code: 0, ...done }),
    (error: unknown) => {
      const failed = FAILED.safeParse(error);
      if (!failed.success) throw error;
      return failed.data;
    },
  );
  return { code, said: jsonOf(stdout.trim().split('\n').at(-1) ?? ''), words: stderr };
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

const CURRENT = z.object({ current: z.string().nullable(), before: z.string().nullable() });

/**
 * `worker:builds set-current` for `build`, or for the build of these programs.
 * @returns both builds; null: workers without versioning
 * @throws Error with the command's output where it failed
 */
export async function setCurrent(
  programs: string,
  env: NodeJS.ProcessEnv,
  build?: string,
): Promise<{ current: string | null; before: string | null }> {
  const { code, said, words } = await command(
    join(programs, 'worker/builds/main.js'),
    ['set-current', ...(build === undefined ? [] : ['--build', build])],
    env,
  );
  if (code !== 0) throw new Error(`worker:builds set-current exited with ${code}: ${words}`);
  return CURRENT.parse(said);
}

/** `worker:builds drained`: whether the build has no open run left, waiting at most this many seconds. */
export async function isDrained(
  programs: string,
  buildId: string,
  waitSeconds: number,
  env: NodeJS.ProcessEnv,
): Promise<boolean> {
  const { code, words } = await command(
    join(programs, 'worker/builds/main.js'),
    ['drained', '--build', buildId, '--wait', String(waitSeconds)],
    env,
  );
  if (code > 1) throw new Error(`worker:builds drained exited with ${code}: ${words}`);
  return code === 0;
}

const REPLAYED = z.object({ build: z.string(), histories: z.number(), refused: z.array(z.string()) });

/**
 * `verify -- histories` on a build's bundle.
 * @returns its id, and how many of the recorded histories fail to replay
 */
export async function checkReplay(
  programs: string,
  bundle: string,
): Promise<{ code: number; build: string; histories: number; refused: number }> {
  const { code, said, words } = await command(
    join(programs, 'worker/replayCheck/main.js'),
    ['--bundle', bundle],
    {},
  );
  if (code > 1) throw new Error(`the replay check exited with ${code}: ${words}`);
  const { build, histories, refused } = REPLAYED.parse(said);
  return { code, build, histories, refused: refused.length };
}
