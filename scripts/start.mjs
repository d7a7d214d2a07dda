// npm start: runs the whole service on this machine with a demo city until Ctrl-C. Started again, it
// continues with the same data.
//   --infra-only     PostgreSQL, Redis and Temporal only
//   --no-simulator   without the demo city
import { logStep, logWarning } from './bootstrap/log.mjs';
import { dataDir } from './bootstrap/paths.mjs';
import { startEntry, startServices } from './bootstrap/services.mjs';
import { prepareProgram, startKeptInfrastructure } from './bootstrap/stack.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

const options = new Set(process.argv.slice(2));

await supervise({ name: 'start', exclusiveDir: dataDir }, async (supervisor) => {
  const isInfraOnly = options.has('--infra-only');
  await prepareProgram(supervisor);
  const infrastructure = await startKeptInfrastructure(supervisor);
  if (isInfraOnly) return untilStopped(infrastructure);
  const hasDemo = Boolean(infrastructure.JWT_LOCAL_KEY) && !options.has('--no-simulator');
  const environment = {
    ...(hasDemo ? { POSITION_FASTEST_METERS_PER_MINUTE: '10000000' } : {}), // the demo plays a city faster
    ...infrastructure,
    DEMO_SIGN_IN: String(hasDemo && isOnlyHere(process.env)),
  };
  logStep('starting worker and API');
  const services = await startServices(supervisor, environment);
  announce(environment);
  if (!environment.JWT_LOCAL_KEY)
    logWarning('no demo city: with JWT_JWKS_URL the simulator cannot create tokens');
  else if (hasDemo) startSimulator(supervisor, environment);
  return services.failed;
});

/**
 * Whether nobody but this machine reaches the API, and nothing but the demo is in its database: then the page of
 * API docs signs anybody in as a person of the demo.
 */
function isOnlyHere({ API_HOST: host, TRUSTED_PROXIES: proxies, DATABASE_URL: ownDatabase }) {
  const isLoopback = !host || ['127.0.0.1', '::1', 'localhost'].includes(host);
  return isLoopback && !Number(proxies) && !ownDatabase;
}

function untilStopped(environment) {
  for (const name of ['DATABASE_URL', 'MIGRATE_DATABASE_URL', 'REDIS_URL', 'TEMPORAL_ADDRESS'])
    logStep(`${name}=${environment[name]}`);
  logStep('ready; Ctrl-C stops it');
  return new Promise(() => {});
}

function announce(environment) {
  const signIn = environment.DEMO_SIGN_IN === 'true' ? '  (sign in there with one click)' : '';
  logStep(`ready

          API docs     ${environment.API_URL}/docs${signIn}
          A token      npm run token
          Health       ${environment.API_URL}/health
          Temporal UI  ${environment.TEMPORAL_UI_URL ?? `that of ${environment.TEMPORAL_ADDRESS}`}
          Data, logs   ${dataDir}

          Ctrl-C stops everything; npm start goes on from there.
`);
}

/** The service keeps running when its demo ends. */
function startSimulator(supervisor, env) {
  const simulator = startEntry(supervisor, { name: 'simulator', entry: 'dist/simulator/demo/main.js', env });
  void simulator.exited.then(({ code, signal }) => {
    if (!supervisor.signal.aborted)
      logWarning(`the simulator ended (${signal ?? `exit code ${code}`}); the service keeps running`);
  });
}
