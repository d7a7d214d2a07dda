const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

// `node scripts/test.mjs --infra` leaves here where its servers are; a variable that is set wins.
const sharedEnvironmentFile = join(__dirname, '.cache/test-env.json');
if (existsSync(sharedEnvironmentFile)) {
  const shared = JSON.parse(readFileSync(sharedEnvironmentFile, 'utf8'));
  for (const [name, value] of Object.entries(shared)) process.env[name] ??= value;
}

const COVERED = ['domain', 'workflows', 'activities', 'services', 'adapters', 'api'];
const ESM_ONLY = [
  'jose',
  'uuid',
  'openapi-fetch',
  'openapi-typescript-helpers',
  '@asteasolutions/zod-to-openapi',
  'openapi3-ts',
  'p-timeout',
];
const NOT_A_PROJECT = ['support'];

const { $schema, sourceMaps, ...swc } = JSON.parse(readFileSync(join(__dirname, '.swcrc'), 'utf8'));
const collectCoverageFrom = COVERED.map((folder) => `<rootDir>/${folder}/**/*.ts`);

const project = (name) => ({
  displayName: name,
  rootDir: __dirname,
  testEnvironment: 'node',
  // Packages of ours are tested as they stand in src/.
  testEnvironmentOptions: { customExportConditions: ['@driver-service/source', 'node', 'node-addons'] },
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  transform: { '^.+\\.(ts|js|mjs)$': ['@swc/jest', { ...swc, swcrc: false }] },
  transformIgnorePatterns: [`/node_modules/(?!(${ESM_ONLY.join('|')})/)`],
  modulePathIgnorePatterns: [
    '<rootDir>/dist/',
    '<rootDir>/packages/[^/]+/dist/',
    '<rootDir>/.cache/',
    '<rootDir>/.data/',
  ],
  globalSetup: '<rootDir>/test/support/globalSetup.mjs',
  collectCoverageFrom,
});

const projectNames = readdirSync(join(__dirname, 'test'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !NOT_A_PROJECT.includes(entry.name))
  .map((entry) => entry.name);

module.exports = {
  projects: projectNames.map(project),
  testTimeout: 30_000,
  collectCoverageFrom,
  coverageDirectory: 'coverage',
  coverageReporters: ['text-summary', 'json-summary', 'lcov'],
  coverageThreshold: Object.fromEntries(COVERED.map((folder) => [`./${folder}/`, { lines: 85 }])),
};
