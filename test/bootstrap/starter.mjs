// A program as our scripts are: starts a process, says its id, and then ends as its argument says.
import { supervise } from '../../scripts/bootstrap/supervisor.mjs';

const [ending] = process.argv.slice(2);
// One that will not go when asked.
const DEAF = 'trap "" TERM; while :; do sleep 0.1; done';

await supervise({ name: 'test-starter' }, async (supervisor) => {
  if (ending === 'at once') return 7;
  const command = ending === 'deaf' ? ['sh', '-c', DEAF] : ['sleep', '600'];
  const { pid } = supervisor.start({ name: 'sleeper', command: command[0], args: command.slice(1), onLine: () => {} });
  console.log(pid);
  if (ending === 'crash') throw new Error('halfway');
  return new Promise(() => {});
});
