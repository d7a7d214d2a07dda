/**
 * npm run verify -- histories [--bundle FILE]
 *
 * Do open runs of older releases survive this change? Replays the recorded histories of all releases
 * (test/replay/histories) on the workflows of this checkout, or on those of another bundle. Needs no server.
 * Explanations go to stderr, one line of JSON to stdout.
 * Exit code: 0 = all replay; 1 = not so, with which, why and what to do; 2 = wrong arguments.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { BUNDLE_PATH, readBuildId } from '../deployment';
import { historyFiles, readHistory } from './histories';
import { replay } from './replay';
import { explain } from './words';

const HISTORIES = join(__dirname, '../../../test/replay/histories');

class Mistake extends Error {}

function readBundle(args: string[]): string {
  const { values } = parseArgs({
    args,
    strict: true,
    options: { bundle: { type: 'string', default: BUNDLE_PATH } },
  });
  if (!existsSync(values.bundle)) throw new Mistake(`there is no ${values.bundle}`);
  return values.bundle;
}

async function main(): Promise<number> {
  const codePath = readBundle(process.argv.slice(2));
  if (!existsSync(HISTORIES)) throw new Mistake('no recorded histories found: run this from a checkout');
  // Each history that fails would be logged with its stack, too.
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: 'OFF', forward: {} } },
  });
  const named = new Map(
    historyFiles(HISTORIES).map((file) => [`${file.workflow}/${file.release}-${file.scenario}`, file]),
  );
  const wrong = await replay(
    { workflowBundle: { codePath } },
    [...named].map(([name, file]) => ({ name, history: readHistory(file) })),
  );
  const refused = [...named].flatMap(([name, file]) => (wrong[name] ? [{ file, error: wrong[name] }] : []));
  process.stderr.write(`${explain(refused, named.size)}\n`);
  const releases = [...new Set([...named.values()].map(({ release }) => release))].sort();
  const report = {
    build: readBuildId(codePath),
    histories: named.size,
    releases,
    refused: Object.keys(wrong),
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return refused.length === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof Mistake || error instanceof TypeError ? 2 : 1);
  },
);
