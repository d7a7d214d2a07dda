// npm run verify -- upgrade: upgrades the service under traffic, see reliability/upgrade/main.ts. Like scripts/run.mjs
// --infra-only, on a Temporal that notices within seconds, not minutes, that nothing is left on an old build,
// and that suggests early to go on as new.
import { startEntry } from './bootstrap/services.mjs';
import { prepareProgram, startThrowawayInfrastructure } from './bootstrap/stack.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

const TEMPORAL_LIMITS = {
  'matching.wv.VersionDrainageStatusVisibilityGracePeriod': '"5s"',
  'matching.wv.VersionDrainageStatusRefreshInterval': '"2s"',
  'limit.historyCount.suggestContinueAsNew': '120',
};

await supervise({ name: 'upgrade' }, async (supervisor) => {
  await prepareProgram(supervisor);
  const environment = await startThrowawayInfrastructure(supervisor, { temporalLimits: TEMPORAL_LIMITS });
  const program = startEntry(supervisor, {
    name: 'program',
    entry: 'dist/reliability/upgrade/main.js',
    args: process.argv.slice(2),
    env: environment,
    stdio: 'inherit',
  });
  const { code } = await program.exited;
  return code ?? 1;
});
