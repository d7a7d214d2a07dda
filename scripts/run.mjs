// node scripts/run.mjs [--infra-only] [--keep] ENTRY ARGUMENTS…
// Starts the service on its own servers, runs a compiled program on it, stops everything, and exits with the
// program's exit code. The program's stdout is passed through. Its environment names the parts:
// DATABASE_URL (the service's login), MIGRATE_DATABASE_URL (the owner), REDIS_URL, TEMPORAL_ADDRESS,
// TEMPORAL_NAMESPACE, API_URL, API_PORT, JWT_LOCAL_KEY.
//   --infra-only   without worker and API, which the program starts (and kills) itself;
//                  implied where the program's own arguments contain --hostile or --harm
//   --keep         uses the data of `npm start`
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
