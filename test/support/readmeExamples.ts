import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from '@swc/core';

const PACKAGE = join(__dirname, '../../packages/api-client');

/** The examples of the client's README, by the heading that each stands under. */
export function readmeExamples(): ReadonlyMap<string, string> {
  const sections = readFileSync(join(PACKAGE, 'README.md'), 'utf8').split(/^## /m);
  return new Map(
    sections.flatMap((section) => {
      const [heading = ''] = section.split('\n');
      return [...section.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code = '']) => [heading, code] as const);
    }),
  );
}

/**
 * Runs an example as a user's program, on the compiled package.
 * @param onLine told of each line that it writes
 * @returns what it wrote
 * @throws where it fails
 */
export async function runExample(
  code: string,
  environment: Readonly<Record<string, string>>,
  onLine: (line: string) => void = () => undefined,
): Promise<string[]> {
  const script = transformSync(code, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }).code;
  const program = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: PACKAGE,
    env: { PATH: process.env.PATH, ...environment },
    timeout: 20_000,
  });
  const [lines, errors]: [string[], string[]] = [[], []];
  program.stdout.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n').filter(Boolean)) {
      lines.push(line);
      onLine(line);
    }
  });
  program.stderr.setEncoding('utf8').on('data', (text: string) => void errors.push(text));
  const ended = await new Promise<number | null>((resolve) => program.once('close', resolve));
  if (ended !== 0) throw new Error(`the example ended with ${ended}: ${errors.join('')}`);
  return lines;
}
