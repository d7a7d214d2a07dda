// npm run verify -- chaos --seconds 300 --seed N [--burst N] …   runs reliability/chaos/main.ts
// Starts its own PostgreSQL, Redis and Temporal and runs the compiled program on them. The program starts (and
// kills) worker and API. It controls the servers by messages on the IPC channel:
// { id, server, act: 'stop' | 'kill' | 'start' | 'forget' | … }, answered with { id, error? }.
import { startCrashableInfrastructure } from './bootstrap/crashable.mjs';
import { logStep } from './bootstrap/log.mjs';
import { startEntry } from './bootstrap/services.mjs';
import { prepareProgram } from './bootstrap/stack.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

const args = process.argv.slice(2);

await supervise({ name: 'chaos' }, async (supervisor) => {
  await prepareProgram(supervisor);
  if (args.includes('--plan')) return (await runProgram(supervisor, { env: process.env }).exited).code;
  const { environment, servers } = await startCrashableInfrastructure(supervisor);
  logStep('running the chaos');
  const program = runProgram(supervisor, {
    env: environment,
    onMessage: ({ id, server, act }, reply) => {
      servers[server][act]().then(
        () => reply({ id }),
        (error) => reply({ id, error: error.message }),
      );
    },
  });
  const { code } = await program.exited;
  return code ?? 1;
});

function runProgram(supervisor, { env, onMessage }) {
  return startEntry(supervisor, {
    name: 'program',
    entry: 'dist/reliability/chaos/main.js',
    args,
    env,
    onMessage,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
