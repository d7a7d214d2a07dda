// node scripts/built.mjs ENTRY ARGUMENTS…: installs and builds what is missing, then runs a compiled program
// with our environment and without servers.
import { startEntry } from './bootstrap/services.mjs';
import { prepareProgram } from './bootstrap/stack.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

const [entry, ...args] = process.argv.slice(2);

await supervise({ name: 'built' }, async (supervisor) => {
  await prepareProgram(supervisor);
  const { code } = await startEntry(supervisor, { name: 'program', entry, args, stdio: 'inherit' }).exited;
  return code ?? 1;
});
