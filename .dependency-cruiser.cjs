// Who may import whom: docs/architecture.md#layers.
const OURS =
  '^(domain|workflows|activities|services|adapters|worker|api|settings|simulator|reliability|bench|prisma|' +
  'packages|test)/';
const ROOTS = ['^(worker|api)/main\\.ts$', '^(simulator|reliability|bench|worker)/.*/main\\.ts$'];
const CLIENT = '^packages/api-client/';
const CONTRACT = '^workflows/contract\\.ts$';

/** Files of `folder` may import, of ours, nothing but themselves and `allowed`. */
const only = (folder, allowed, comment) => ({
  name: `${folder.replaceAll('/', '-')}-imports-only`,
  comment,
  severity: 'error',
  from: { path: `^${folder}/`, pathNot: ROOTS },
  to: { path: OURS, pathNot: [`^${folder}/`, ...allowed] },
});

/** Files of `folder` may know the types of `target`, and call nothing of it. */
const typesOnly = (folder, target, comment) => ({
  name: `${folder}-know-types-only`,
  comment,
  severity: 'error',
  from: { path: `^${folder}/`, pathNot: ROOTS },
  to: { path: `^${target}/`, dependencyTypesNot: ['type-only'] },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycle',
      comment: 'Two files that need each other are one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    { name: 'no-missing', severity: 'error', from: { path: OURS }, to: { couldNotResolve: true } },
    {
      name: 'no-dev-package',
      comment: 'What runs in production is a dependency, not a devDependency.',
      severity: 'error',
      from: { path: '^(domain|workflows|activities|services|adapters|worker|api|settings)/' },
      to: { dependencyTypes: ['npm-dev'] },
    },
    {
      name: 'domain-is-pure',
      comment: 'No input or output, no Temporal: a dispatcher should be able to read it.',
      severity: 'error',
      from: { path: '^domain/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'domain-knows-no-service',
      severity: 'error',
      from: { path: '^domain/' },
      to: { path: 'node_modules/(@temporalio|@prisma|pg|ioredis|express|socket\\.io|pino)' },
    },
    only('domain', [], 'Pure rules import nothing of ours.'),
    only(
      'workflows',
      ['^domain/', '^activities/', '^services/'],
      'Workflows decide by domain/; effects are known by their types.',
    ),
    typesOnly(
      'workflows',
      '(activities|services)',
      'Effects run in the worker, never in the workflow sandbox.',
    ),
    only(
      'services',
      ['^domain/', '^adapters/postgres/', CONTRACT, '^prisma/client/'],
      'Services run statements; all else is a port.',
    ),
    only(
      'adapters',
      ['^domain/', '^services/', '^activities/', CONTRACT, '^prisma/client/'],
      'Adapters implement the ports of services.',
    ),
    typesOnly('adapters', 'activities', 'Adapters know the ports of sweeps, and call no sweep.'),
    only(
      'activities',
      ['^domain/', '^services/', '^adapters/postgres/', CONTRACT, '^prisma/client/'],
      'What a worker registers: it uses services and statements.',
    ),
    only(
      'api',
      ['^domain/', CONTRACT, '^settings/', '^services/', '^prisma/client/'],
      'The API reads rows and calls services.',
    ),
    typesOnly('api', 'services', 'api/main.ts hands the services in.'),
    only(
      'settings',
      ['^domain/', '^services/ports\\.ts$'],
      'Settings are values in the words of the domain and of the ports.',
    ),
    only(
      'worker',
      ['^domain/', '^workflows/', '^activities/', '^services/', '^adapters/', '^settings/'],
      'The worker knows nothing of the API.',
    ),
    only('packages/api-client', [], 'The client knows the API by its documents.'),
    only(
      'simulator',
      ['^domain/', '^settings/', CONTRACT, CLIENT, '^reliability/(checker|hostile)/'],
      'Simulated people are clients like any other: they talk HTTP; the checker looks behind.',
    ),
    only(
      'reliability',
      ['^domain/', '^settings/', '^simulator/', CONTRACT, CLIENT],
      'What attacks the service is a client, too, and looks behind only to check.',
    ),
    {
      name: 'people-know-no-attack',
      comment: 'Simulated people and tools stand by themselves.',
      severity: 'error',
      from: { path: '^simulator/(people|kit|client)/' },
      to: { path: '^reliability/' },
    },
    {
      name: 'only-roots-build-clients',
      severity: 'error',
      from: { path: '^(domain|workflows|api|settings)/', pathNot: ROOTS },
      to: { path: '^adapters/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-roots-compose',
      comment:
        'Services and adapters are handed in: who composes them is a program, a test or a bench (ADR 28).',
      severity: 'error',
      from: { path: '^(domain|workflows|activities|services|adapters|api|settings)/', pathNot: ROOTS },
      to: { path: '^(services|adapters)/compose\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    { name: 'nothing-imports-tests', severity: 'error', from: { pathNot: '^test/' }, to: { path: '^test/' } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@driver-service/source', 'require', 'import', 'node', 'default'],
    },
    doNotFollow: { path: 'node_modules|^prisma/client/' },
    exclude: { path: '^(packages/[^/]+/dist|dist|coverage|\\.cache|\\.data)/' },
  },
};
