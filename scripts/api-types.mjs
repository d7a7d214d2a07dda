// npm run api:types            writes the generated files of packages/api-client from the schemas of the API
// npm run api:types -- --check ends with 1 where one of them is not up to date
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { logStep, SetupError } from './bootstrap/log.mjs';
import { projectDir } from './bootstrap/paths.mjs';
import { prepareProgram } from './bootstrap/stack.mjs';
import { supervise } from './bootstrap/supervisor.mjs';

const FOLDER = 'packages/api-client/src/generated';
const HEADER = "/** Generated from the API's schemas by `npm run api:types`; do not edit. */\n";

await supervise({ name: 'api-types' }, async (supervisor) => {
  await prepareProgram(supervisor);
  const files = await generatedFiles();
  const paths = Object.keys(files).map((name) => join(projectDir, FOLDER, name));
  if (process.argv.includes('--check')) {
    if (Object.values(files).every((text, index) => readFileSync(paths[index], 'utf8') === text)) return 0;
    throw new SetupError(`${FOLDER} does not match the API's schemas.`, 'Run: npm run api:types');
  }
  mkdirSync(join(projectDir, FOLDER), { recursive: true });
  Object.values(files).forEach((text, index) => writeFileSync(paths[index], text));
  logStep(`wrote ${FOLDER}`);
  return 0;
});

async function generatedFiles() {
  const require = createRequire(import.meta.url);
  const { apiEndpoints } = require('../dist/api/app.js');
  const { openApiDocument } = require('../dist/api/http/openapi.js');
  const { asyncApiDocument } = require('../dist/api/realtime/asyncapi.js');
  // The endpoints are described without their dependencies.
  const openApi = openApiDocument(apiEndpoints({}));
  return {
    'api.ts': HEADER + (await typesOf(openApi)),
    'events.ts': HEADER + (await eventTypes(asyncApiDocument())),
    'idempotency.ts': HEADER + idempotencyOf(openApi),
  };
}

async function typesOf(document) {
  const { default: openapiTS, astToString } = await import('openapi-typescript');
  // A request may leave out fields that have a default.
  return astToString(await openapiTS(document, { defaultNonNullable: false }));
}

/** The schemas of both documents are alike, so one generator makes the types of both. */
async function eventTypes({ info, channels, operations, components }) {
  const { title, version } = info;
  const { schemas } = components;
  const types = await typesOf({
    openapi: '3.1.0',
    info: { title, version },
    paths: {},
    components: { schemas },
  });
  const nameIn = ($ref) => $ref.split('/').at(-1);
  const typeOf = ({ $ref }) =>
    `components["schemas"]["${nameIn(components.messages[nameIn($ref)].payload.$ref)}"]`;
  const members = (action, show) =>
    Object.keys(channels).map((audience) => {
      const own = Object.values(operations).filter(
        ({ action: each, channel }) => each === action && channel.$ref === `#/channels/${audience}`,
      );
      const lines = own.flatMap((operation) => operation.messages.map((message) => show(operation, message)));
      if (lines.length === 0) return `    ${audience}: Record<never, never>;\n`;
      return `    ${audience}: {\n${lines.map((line) => `        ${line};\n`).join('')}    };\n`;
    });
  const event = (_operation, message) => `${nameIn(message.$ref)}: ${typeOf(message)}`;
  const said = ({ reply }, message) => {
    const acknowledge = `(reply: ${typeOf(reply.messages[0])}) => void`;
    return `${nameIn(message.$ref)}: (body: ${typeOf(message)}, acknowledge: ${acknowledge}) => void`;
  };
  const listed = (name, lines) => `export interface ${name} {\n${lines.join('')}}\n`;
  return [
    types,
    `/** The bodies of events, by audience. */\n${listed('EventsByAudience', members('send', event))}`,
    `/** What clients of each audience may send. */\n${listed('MessagesByAudience', members('receive', said))}`,
  ].join('');
}

function idempotencyOf({ paths }) {
  const lines = Object.entries(paths).flatMap(([path, { post }]) =>
    post ? [`    ${JSON.stringify(path)}: ${JSON.stringify(post['x-idempotent-by'])},\n`] : [],
  );
  return `/** What makes a POST repeatable: this header, the request itself, or this field of its body. */
export const POST_IDEMPOTENCY: Readonly<Record<string, string>> = {\n${lines.join('')}};\n`;
}
