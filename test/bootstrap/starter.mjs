// A program as our scripts are: starts a process, says its id and that of the process which this one starts,
// and then ends as its argument says.
import { supervise } from '../../scripts/bootstrap/supervisor.mjs';

const [ending] = process.argv.slice(2);
// One that will not go when asked.
const DEAF = 'trap "" TERM; while :; do sleep 0.1; done';
const ITS_OWN = 'sleep 600 & echo $!;';

await supervise({ name: 'test-starter' }, async (supervisor) => {
  if (ending === 'at once') return 7;
  const script = `${ITS_OWN} ${ending === 'deaf' ? DEAF : 'wait'}`;
  await new Promise((resolve) => {
    const { pid } = supervisor.start({
      name: 'sleeper',
      command: 'sh',
      args: ['-c', script],
      onLine: (line) => resolve(console.log(`${pid} ${line}`)),
    });
  });
  if (ending === 'crash') throw new Error('halfway');
  return new Promise((resolve) => setTimeout(resolve, 600_000));
});
