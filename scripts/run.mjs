// node scripts/run.mjs [--infra-only] [--keep] ENTRY ARGUMENTS…
// Brings up the service on servers of its own, runs a compiled program on it, stops all, and ends with that
// program's exit code. The program's stdout is ours. It finds the parts by environment variables:
// DATABASE_URL (the service's login), MIGRATE_DATABASE_URL (the owner), REDIS_URL, TEMPORAL_ADDRESS,
// TEMPORAL_NAMESPACE, API_URL, API_PORT, JWT_LOCAL_KEY.
//   --infra-only   without worker and API: the program starts (and kills) dist/worker/main.js and
// dist/api/main.js itself;
//                  so it is where the program's own arguments have --hostile or --harm
//   --keep         on the data of `npm start`
import { logStep } from './bootstrap/log.mjs';
import { dataDir } from './bootstrap/paths.mjs';
import { startEntry, startServices } from './bootstrap/services.mjs';
import { prepareProgram, startKeptInfrastructure, startThrowawayInfrastructure } from './bootstrap/stack.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

const { isInfraOnly, isKept, entry, args } = parseArguments(process.argv.slice(2));

await supervise({ name: 'run', exclusiveDir: isKept ? dataDir : undefined }, async (supervisor) => {
  await prepareProgram(supervisor);
  const environment = await (isKept ? startKeptInfrastructure : startThrowawayInfrastructure)(supervisor);
  const services = isInfraOnly ? undefined : await startServices(supervisor, environment);
  logStep(`running ${entry}; Temporal UI: ${environment.TEMPORAL_UI_URL ?? environment.TEMPORAL_ADDRESS}`);
  const program = startEntry(supervisor, {
    name: 'program',
    entry,
    args,
    env: environment,
    stdio: 'inherit',
  });
  const { code } = await Promise.race([program.exited, services?.failed].filter(Boolean));
  return code ?? 1;
});

/** Our options stand before the entry; all behind it is the program's. */
function parseArguments(given) {
  const entryAt = given.findIndex((arg) => !arg.startsWith('--'));
  if (entryAt < 0) {
    console.error('usage: node scripts/run.mjs [--infra-only] [--keep] ENTRY ARGUMENTS…');
    process.exit(2);
  }
  const own = given.slice(0, entryAt);
  const args = given.slice(entryAt + 1);
  const startsThemItself = ['--hostile', '--harm'].some((option) => args.includes(option));
  return {
    isInfraOnly: own.includes('--infra-only') || startsThemItself,
    isKept: own.includes('--keep'),
    entry: given[entryAt],
    args,
  };
}
