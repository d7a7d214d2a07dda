// npm run bench -- NAME ARGUMENTS…    one benchmark
// npm run verify -- NAME ARGUMENTS…   one reliability test or proof
// Without a name, or with an unknown one, lists the names and exits with 2.
const onServers = (entry) => ['run.mjs', '--infra-only', entry];
const alone = (entry) => ['built.mjs', entry];

/** The description of each name, its script and arguments, and the variables that it sets. */
const GROUPS = {
  bench: {
    lifecycle: [
      'deliveries a second, compared with a bare workflow',
      onServers('dist/bench/lifecycle/main.js'),
    ],
    latency: [
      'latency of offers, accepts and reassignments, in an open loop',
      onServers('dist/bench/latency/main.js'),
    ],
    growth: [
      'offer latency with 100 to 10,000 drivers and deliveries',
      onServers('dist/bench/growth/main.js'),
    ],
    evening: [
      'three times the orders that the drivers can carry, then plenty of drivers',
      onServers('dist/bench/evening/main.js'),
    ],
    positions: [
      'positions a second, compared with a bare handler',
      onServers('dist/bench/positions/main.js'),
    ],
    plans: [
      'the query plan of every statement with a million deliveries',
      onServers('dist/bench/plans/main.js'),
    ],
    audit: [
      'audit queries and the daily check with ten million entries',
      onServers('dist/bench/audit/main.js'),
    ],
    matching: [
      'real delivery days through the matcher, in simulated time',
      alone('dist/bench/matching/main.js'),
    ],
    'past-day': [
      'a past day of the service’s own database, with other weights of the matcher',
      alone('dist/bench/pastDay/main.js'),
    ],
    round: [
      'processor time of a round of a city, and how long it holds the event loop',
      alone('dist/bench/round/main.js'),
    ],
  },
  verify: {
    chaos: ['an operating city while processes and connections fail', ['chaos.mjs']],
    races: ['competing requests at the same instant', onServers('dist/reliability/races/main.js')],
    soak: ['resource leaks under a steady load', onServers('dist/reliability/soak/main.js')],
    fuzz: ['requests generated from the OpenAPI document', onServers('dist/reliability/fuzz/main.js')],
    upgrade: ['two builds side by side, and schema migrations under load', ['upgrade.mjs']],
    histories: [
      'recorded histories replayed on the workflows of this checkout',
      alone('dist/worker/replayCheck/main.js'),
    ],
    record: [
      'records the histories of this release, for replay by later ones',
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
