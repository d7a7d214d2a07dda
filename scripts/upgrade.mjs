// npm run verify -- upgrade: upgrades the service under load, see reliability/upgrade/main.ts. Like
// scripts/run.mjs --infra-only, with a Temporal that detects a drained build within seconds and suggests
// continue-as-new early.
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
