// npm run api:types            writes simulator/client/apiTypes.ts from the schemas that the API validates by
// npm run api:types -- --check ends with 1 where that file is not up to date
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { logStep, SetupError } from './bootstrap/log.mjs';
import { projectDir } from './bootstrap/paths.mjs';
import { prepareProgram } from './bootstrap/stack.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

const TYPES_FILE = 'simulator/client/apiTypes.ts';
const HEADER = "/** Generated from the API's schemas by `npm run api:types`; do not edit. */\n";

await supervise({ name: 'api-types' }, async (supervisor) => {
  await prepareProgram(supervisor);
  const path = join(projectDir, TYPES_FILE);
  const types = await apiTypes();
  if (process.argv.includes('--check')) {
    if (readFileSync(path, 'utf8') === types) return 0;
    throw new SetupError(`${TYPES_FILE} does not match the API's schemas.`, 'Run: npm run api:types');
  }
  writeFileSync(path, types);
  logStep(`wrote ${TYPES_FILE}`);
  return 0;
});

async function apiTypes() {
  const require = createRequire(import.meta.url);
  const { apiEndpoints } = require('../dist/api/app.js');
  const { openApiDocument } = require('../dist/api/http/openapi.js');
  const { default: openapiTS, astToString } = await import('openapi-typescript');
  // The endpoints are described without their dependencies.
  const document = openApiDocument(apiEndpoints({}));
  // A request may leave out fields that have a default.
  return HEADER + astToString(await openapiTS(document, { defaultNonNullable: false }));
}
