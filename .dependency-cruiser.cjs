// The direction of imports (docs/adr, README): domain <- workflows, activities, api; main files alone put the parts together.
const OURS = '^(domain|workflows|activities|worker|api|settings|simulator|bench|prisma|test)/';
const ROOTS = ['^(worker|api|simulator|bench)/main\\.ts$', '^(simulator|bench|worker)/.*/main\\.ts$'];

/** Files of `folder` may import, of ours, nothing but themselves and `allowed`. */
const only = (folder, allowed, comment) => ({
  name: `${folder}-imports-only`,
  comment,
  severity: 'error',
  from: { path: `^${folder}/`, pathNot: ROOTS },
  to: { path: OURS, pathNot: [`^${folder}/`, ...allowed] },
});

module.exports = {
  forbidden: [
    { name: 'no-cycle', comment: 'Two files that need each other are one.', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-missing', severity: 'error', from: { path: OURS }, to: { couldNotResolve: true } },
    {
      name: 'no-dev-package', comment: 'What runs in production is a dependency, not a devDependency.', severity: 'error',
      from: { path: '^(domain|workflows|activities|worker|api|settings)/' }, to: { dependencyTypes: ['npm-dev'] },
    },
    {
      name: 'domain-is-pure', comment: 'No input or output, no Temporal: a dispatcher should be able to read it.', severity: 'error',
      from: { path: '^domain/' }, to: { dependencyTypes: ['core'] },
    },
    {
      name: 'domain-knows-no-service', severity: 'error',
      from: { path: '^domain/' }, to: { path: 'node_modules/(@temporalio|@prisma|pg|ioredis|express|socket\\.io|pino)' },
    },
    only('domain', [], 'Pure rules import nothing of ours.'),
    only('workflows', ['^domain/', '^activities/'], 'Workflows decide by the rules of domain/, and know activities by their types.'),
    {
      name: 'workflows-know-activity-types-only', comment: 'Effects run in the worker, never in the workflow sandbox.', severity: 'error',
      from: { path: '^workflows/' }, to: { path: '^activities/', dependencyTypesNot: ['type-only'] },
    },
    only('activities', ['^domain/', '^workflows/contract\\.ts$', '^prisma/client/'], 'Effects know the rules and the contract of the workflows.'),
    only('api', ['^domain/', '^workflows/contract\\.ts$', '^settings/', '^activities/ports\\.ts$', '^prisma/client/'], 'The API reads rows and talks to workflows by their contract; its adapters come from api/main.ts.'),
    only('settings', ['^domain/', '^activities/ports\\.ts$'], 'Settings are values in the words of the domain and of the ports.'),
    only('worker', ['^domain/', '^workflows/', '^activities/', '^settings/'], 'The worker knows nothing of the API.'),
    only('simulator', ['^domain/', '^settings/', '^workflows/contract\\.ts$'], 'The simulator is a client like any other: it talks HTTP, and looks behind only to check.'),
    {
      name: 'only-roots-build-clients', severity: 'error',
      from: { path: '^(domain|workflows|api|settings)/', pathNot: ROOTS },
      to: { path: '^activities/adapters/', dependencyTypesNot: ['type-only'] },
    },
    { name: 'nothing-imports-tests', severity: 'error', from: { pathNot: '^test/' }, to: { path: '^test/' } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'import', 'node', 'default'] },
    doNotFollow: { path: 'node_modules|^prisma/client/' },
    exclude: { path: '^(dist|coverage|\\.cache|\\.data)/' },
  },
};
