import {
  OpenApiGeneratorV31,
  OpenAPIRegistry,
  type ResponseConfig,
  type RouteConfig,
} from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import type { Endpoint, ReplyKind } from './endpoint';
import { type ProblemCode, PROBLEMS } from './problems';

type Document = ReturnType<OpenApiGeneratorV31['generateDocument']>;

const problemCode = z
  .enum(Object.keys(PROBLEMS))
  .meta({ id: 'ProblemCode', description: 'Stable; clients decide by it. Later versions may add codes' });

const problem = z
  .object({
    type: z.string().meta({ description: 'Stable: /problems/<code>' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: problemCode,
    instance: z.string(),
    correlationId: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });

const KEY_HEADER = 'Idempotency-Key';

/** What every endpoint may answer. */
const ALWAYS: readonly ProblemCode[] = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'SUSPENDED',
  'TOO_MANY_REQUESTS',
  'INTERNAL',
  'UNAVAILABLE',
];
const WITH_BODY: readonly ProblemCode[] = ['MALFORMED_REQUEST', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];

/** The description of the API, made from the same schemas that validate. */
export function openApiDocument(endpoints: readonly Endpoint[]): Document {
  const registry = new OpenAPIRegistry();
  const bearer = registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  });
  for (const endpoint of endpoints)
    registry.registerPath({ ...routeOf(endpoint), security: [{ [bearer.name]: [] }] });
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    externalDocs: { url: '/docs/events', description: 'Realtime events (AsyncAPI: /asyncapi.json)' },
    info: {
      title: 'driver-service',
      version: '2.1.0',
      description:
        'Durable dispatch for last-mile delivery. Instants are ISO 8601, money is whole cents. ' +
        'Refusals are problems of RFC 9457 with stable codes.',
    },
  });
}

function routeOf({
  method,
  path,
  tag,
  summary,
  roles,
  params,
  query,
  body,
  replies,
  refusals = [],
  takesKey,
  repeatNeeds,
}: Endpoint): RouteConfig {
  const headers = z.object({ [KEY_HEADER]: z.string().max(128).optional() });
  return {
    method,
    path: path.replaceAll(/:(\w+)/g, '{$1}'),
    tags: [tag],
    summary,
    description: `For: ${roles.join(', ')}.`,
    ...(method === 'post'
      ? { 'x-idempotent-by': takesKey === true ? KEY_HEADER : (repeatNeeds ?? 'request') }
      : {}),
    request: {
      params,
      query,
      ...(takesKey === true ? { headers } : {}),
      ...(body === null
        ? {}
        : {
            body: {
              content: { 'application/json': { schema: body } },
              required: !body.safeParse({}).success,
            },
          }),
    },
    responses: {
      ...Object.fromEntries(Object.entries(replies).map(([status, reply]) => [status, responseOf(reply)])),
      ...problemsOf([
        ...ALWAYS,
        ...(body === null ? [] : WITH_BODY),
        'INVALID_REQUEST',
        ...(path.includes(':') ? ['NOT_FOUND' as const] : []),
        ...(takesKey === true ? ['IDEMPOTENCY_KEY_REUSED' as const] : []),
        ...refusals,
      ]),
    },
  };
}

function responseOf({ description, schema, contentType }: ReplyKind): ResponseConfig {
  return { description, content: { [contentType ?? 'application/json']: { schema } } };
}

/** One entry a status, with the codes that share it. */
function problemsOf(codes: readonly ProblemCode[]): Record<string, ResponseConfig> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of new Set(codes))
    byStatus.set(PROBLEMS[code].status, [...(byStatus.get(PROBLEMS[code].status) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, shared]) => [
      String(status),
      { description: shared.join(', '), content: { 'application/problem+json': { schema: problem } } },
    ]),
  );
}
