import { Router } from 'express';
import type { AsyncApiDocument, JsonSchema } from '../realtime/asyncapi';

/** The AsyncAPI document, and a page that shows it without any script. */
export function eventsRouter(document: AsyncApiDocument): Router {
  const router = Router();
  const [text, page] = [JSON.stringify(document), pageOf(document)];
  router.get('/asyncapi.json', (_request, response) => void response.type('application/json').send(text));
  router.get('/docs/events', (_request, response) => void response.type('html').send(page));
  return router;
}

const STYLE = `
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  table { border-collapse: collapse; width: 100% }
  th, td { border-bottom: 1px solid #ddd; padding: .25rem .5rem; text-align: left; vertical-align: top }
  code { font: 13px ui-monospace, monospace }
  summary { cursor: pointer; padding: .25rem 0 }
  small { color: #555 }`;

function pageOf({ info, channels, components }: AsyncApiDocument): string {
  const sections = Object.entries(channels).map(
    ([name, { title, description, messages }]) =>
      `<h2 id="${name}">${html(title)}</h2><p>${html(description)}</p>` +
      Object.keys(messages)
        .map((each) => messageOf(each, components))
        .join(''),
  );
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) => `<h3 id="schema-${name}">${html(name)}</h3>${schemaOf(schema)}`,
  );
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>driver-service: realtime events</title>
  <link rel="icon" href="/docs/assets/favicon-32x32.png">
  <style>${STYLE}</style>
</head>
<body>
  <p><a href="/docs">HTTP API</a> · <a href="/asyncapi.json">asyncapi.json</a></p>
  <h1>Realtime events</h1>
  <p>${html(info.description)}</p>
  ${sections.join('\n  ')}
  <h2>Schemas</h2>
  ${schemas.join('\n  ')}
</body>
</html>
`;
}

function messageOf(name: string, { messages, schemas }: AsyncApiDocument['components']): string {
  const message = messages[name];
  if (!message) return '';
  const schema = schemas[nameIn(message.payload.$ref)] ?? {};
  return `<details><summary><code>${html(name)}</code> ${html(message.summary)}</summary>${schemaOf(schema)}</details>`;
}

function schemaOf(schema: JsonSchema): string {
  const about = schema.description === undefined ? '' : `<p>${html(schema.description)}</p>`;
  if (schema.properties === undefined) return `${about}<p>${typeOf(schema)}</p>`;
  const rows = Object.entries(schema.properties).map(
    ([name, field]) =>
      `<tr><td><code>${html(name)}</code></td><td>${typeOf(field)}</td><td>${html(descriptionOf(field))}</td></tr>`,
  );
  return `${about}<table><tr><th>field</th><th>type</th><th></th></tr>${rows.join('')}</table>`;
}

function descriptionOf({ description, allOf }: JsonSchema): string {
  return description ?? allOf?.map(descriptionOf).join(' ') ?? '';
}

/** In words, with links to schemas that have a name. */
function typeOf(schema: JsonSchema): string {
  const { $ref, anyOf, oneOf, allOf, type, items, properties, format } = schema;
  if ($ref !== undefined) return `<a href="#schema-${html(nameIn($ref))}">${html(nameIn($ref))}</a>`;
  const several = anyOf ?? oneOf ?? allOf?.filter((each) => each.$ref !== undefined);
  if (several) return several.map(typeOf).join(' or ');
  if (schema.const !== undefined) return `<code>${html(JSON.stringify(schema.const))}</code>`;
  if (schema.enum) return schema.enum.map((each) => `<code>${html(JSON.stringify(each))}</code>`).join(', ');
  if (items) return `list of ${typeOf(items)}`;
  const name = [type ?? 'anything'].flat().join(' or ');
  if (properties) {
    const fields = Object.entries(properties).map(
      ([key, field]) => `<code>${html(key)}</code>: ${typeOf(field)}`,
    );
    return `${name} { ${fields.join(', ')} }`;
  }
  return format === undefined ? html(name) : `${html(name)} <small>${html(format)}</small>`;
}

const nameIn = (ref: string): string => ref.split('/').at(-1) ?? '';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const html = (text: string): string => text.replaceAll(/[&<>"]/g, (sign) => ENTITIES[sign] ?? sign);
