// npm run bench -- NAME ARGUMENTS…    one measurement
// npm run verify -- NAME ARGUMENTS…   one attack on the service, or one proof
// Without a name, or with an unknown one, it lists the names and ends with 2.
const onServers = (entry) => ['run.mjs', '--infra-only', entry];
const alone = (entry) => ['built.mjs', entry];

/** What each name does, the script and arguments behind it, and the variables that it sets. */
const GROUPS = {
  bench: {
    lifecycle: [
      'whole deliveries a second, beside a bare workflow',
      onServers('dist/bench/lifecycle/main.js'),
    ],
    latency: [
      'offers, accepts and reassignments under an open load',
      onServers('dist/bench/latency/main.js'),
    ],
    growth: ['the same with 100 to 10,000 drivers and deliveries', onServers('dist/bench/growth/main.js')],
    positions: ['positions a second, beside a bare handler', onServers('dist/bench/positions/main.js')],
    plans: ['the plan of every statement on a million deliveries', onServers('dist/bench/plans/main.js')],
    audit: [
      'queries and the daily check on ten million audit entries',
      onServers('dist/bench/audit/main.js'),
    ],
  },
  verify: {
    chaos: ['kills, freezes and cuts while a city works', ['chaos.mjs']],
    races: ['answers at the same instant', onServers('dist/reliability/races/main.js')],
    soak: ['a steady load, and everything that could leak', onServers('dist/reliability/soak/main.js')],
    fuzz: ['requests of all kinds from our own OpenAPI', onServers('dist/reliability/fuzz/main.js')],
    upgrade: ['two builds side by side, and the schema up and down', ['upgrade.mjs']],
    histories: [
      'recorded histories on the workflows of this checkout',
      alone('dist/worker/replayCheck/main.js'),
    ],
    record: [
      'the histories of this release, kept for the replays of later ones',
      ['test.mjs', '--projects', 'replay', '--testPathPatterns=replay/record'],
      { RECORD_HISTORIES: 'true' },
    ],
  },
};

const [group, name, ...args] = process.argv.slice(2);
const commands = GROUPS[group] ?? {};
const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined;

if (command) {
  const [, [script, ...own], environment = {}] = command;
  Object.assign(process.env, environment);
  process.argv = [process.argv[0], script, ...own, ...args];
  await import(`./${script}`);
} else {
  if (name !== undefined) console.error(`There is no ${group} "${name}".`);
  console.error(`npm run ${group} -- NAME ARGUMENTS…, where NAME is one of:`);
  for (const [each, [words]] of Object.entries(commands)) console.error(`  ${each.padEnd(10)} ${words}`);
  process.exitCode = 2;
}
