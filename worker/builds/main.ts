/**
 * The builds of the worker under WORKER_DEPLOYMENT_NAME, which it needs beside Temporal's own variables:
 *
 *   list                                  known builds, their states and open runs
 *   set-current [--build ID] [--wait 120] new runs start on that build; default: the build of this checkout or
 *                                         image; `--build none`: on workers without versions again
 *   drained [--build ID] [--wait 0]       whether the workers of that build may stop; default: of all builds
 *                                         but the current one
 *
 * --wait is in seconds: until workers of the build poll, or until its runs have ended. In an image: `node
 * dist/worker/builds/main.js …`. The last line of stdout is JSON. Exit code: 0 = done, or they may stop; 1 = not
 * so; 2 = wrong arguments or settings.
 */
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { SettingsError } from '../../settings';
import { readTemporalSettings } from '../../settings/temporal';
import { SERVICE_VARIABLES } from '../../settings/variables';
import { readBuildId } from '../deployment';
import { Builds } from './builds';

/** An error that the operator can put right. */
class Mistake extends Error {}

type Options = { command: 'list' | 'set-current' | 'drained'; build: string | undefined; waitMs: number };

const WAIT_SECONDS = { list: 0, 'set-current': 120, drained: 0 } as const;

function readOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    strict: true,
    allowPositionals: true,
    options: { build: { type: 'string' }, wait: { type: 'string' } },
  });
  const command = (['list', 'set-current', 'drained'] as const).find((each) => each === positionals[0]);
  if (!command || positionals.length > 1) throw new Mistake('one of list, set-current, drained is needed');
  if (values.build !== undefined && !/^[\w.-]{1,255}$/.test(values.build))
    throw new Mistake('--build must be a build id as printed by list');
  const wait = values.wait ?? String(WAIT_SECONDS[command]);
  if (!/^\d{1,6}$/.test(wait))
    throw new Mistake(`--wait must be a whole number of seconds, not ${JSON.stringify(wait)}`);
  return { command, build: values.build, waitMs: Number(wait) * 1_000 };
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const { name, schema } = SERVICE_VARIABLES.workerDeploymentName;
  const deploymentName = schema.parse(process.env[name] || undefined);
  if (deploymentName === null)
    throw new Mistake(`${name} is not set: without it workers are unversioned and have no builds`);
  const { connectionOptions, namespace } = readTemporalSettings(process.env);
  const connection = await Connection.connect(connectionOptions);
  try {
    const { code, said } = await run(
      options,
      new Builds(new Client({ connection, namespace }), deploymentName),
    );
    process.stdout.write(`${JSON.stringify({ deployment: deploymentName, ...said })}\n`);
    return code;
  } finally {
    await connection.close();
  }
}

async function run(
  { command, build, waitMs }: Options,
  builds: Builds,
): Promise<{ code: number; said: object }> {
  switch (command) {
    case 'list':
      return { code: 0, said: { builds: await builds.list() } };
    case 'set-current': {
      const current = build === 'none' ? null : (build ?? readBuildId());
      return { code: 0, said: { current, before: await builds.setCurrent(current, waitMs) } };
    }
    case 'drained': {
      if (build !== undefined && !(await builds.list()).some(({ buildId }) => buildId === build))
        return { code: 1, said: { drained: false, why: `no build ${build} is known` } };
      const notDrained = await builds.notDrained(
        ({ buildId, state }) => (build === undefined ? state !== 'current' : buildId === build),
        waitMs,
      );
      return {
        code: notDrained.length === 0 ? 0 : 1,
        said: { drained: notDrained.length === 0, notDrained },
      };
    }
  }
}

/** parseArgs throws TypeErrors with a code, zod errors with issues. */
function isTheirs(error: unknown): error is Error {
  return (
    error instanceof Mistake ||
    error instanceof SettingsError ||
    (error instanceof Error &&
      (error.name === 'ZodError' || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))))
  );
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = isTheirs(error) ? 2 : 1;
  },
);
