import { z } from 'zod';

/**
 * One documented response of an operation. `codes`: the problem codes that share a status; `schema`: of a
 * body that is not a problem.
 */
export type ReplyRule = { contentType: string; codes: readonly string[]; schema: z.ZodType };

export const METHODS = ['get', 'post', 'put', 'patch'] as const;
export type Method = (typeof METHODS)[number];

/** One method of one path, as the service's own OpenAPI document describes it. */
export type Operation = {
  name: string;
  method: Method;
  /** `/v2/deliveries/{id}`. */
  path: string;
  params: Readonly<Record<string, z.ZodType>>;
  query: z.ZodObject;
  takesKey: boolean;
  /** The roles that may call it, from its description: `For: driver, ops.` */
  roles: readonly string[];
  /** null: it takes no body. */
  body: z.ZodType | null;
  replies: ReadonlyMap<number, ReplyRule>;
};

const schema = z.record(z.string(), z.unknown());
const content = z.record(z.string(), z.object({ schema }));
const operation = z.object({
  description: z.string().default(''),
  parameters: z
    .array(
      z.object({ name: z.string(), in: z.enum(['path', 'query', 'header']), required: z.boolean(), schema }),
    )
    .default([]),
  requestBody: z.object({ content }).optional(),
  responses: z.record(z.string(), z.object({ description: z.string(), content })),
});
const document = z.object({
  paths: z.record(z.string(), z.partialRecord(z.enum(METHODS), operation)),
  components: z.object({ schemas: z.record(z.string(), schema) }),
});
type Described = z.output<typeof operation>;

const PROBLEM = 'application/problem+json';

/**
 * @param text /openapi.json
 * @throws z.ZodError where it is not a valid OpenAPI 3.1 document
 */
export function readOperations(text: string): Operation[] {
  // Schemas of OpenAPI 3.1 are JSON Schema; only the location of named schemas differs.
  const { paths, components } = document.parse(
    JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')),
  );
  const schemaOf = (part: Record<string, unknown>): z.ZodType =>
    z.fromJSONSchema({ ...part, $defs: components.schemas });
  return Object.entries(paths).flatMap(([path, methods]) =>
    METHODS.flatMap((method) => {
      const described = methods[method];
      return described ? [operationOf(path, method, described, schemaOf)] : [];
    }),
  );
}

function operationOf(
  path: string,
  method: Method,
  { description, parameters, requestBody, responses }: Described,
  schemaOf: (part: Record<string, unknown>) => z.ZodType,
): Operation {
  const named = (place: string) => parameters.filter((each) => each.in === place);
  const body = requestBody?.content['application/json']?.schema;
  return {
    name: `${method} ${path}`,
    method,
    path,
    takesKey: named('header').some(({ name }) => name === 'Idempotency-Key'),
    roles: /^For: ([\w, ]+)\./.exec(description)?.[1]?.split(', ') ?? [],
    params: Object.fromEntries(named('path').map((each) => [each.name, schemaOf(each.schema)])),
    query: z.object(
      Object.fromEntries(
        named('query').map((each) => [
          each.name,
          each.required ? schemaOf(each.schema) : schemaOf(each.schema).optional(),
        ]),
      ),
    ),
    body: body === undefined ? null : schemaOf(body),
    replies: new Map(
      Object.entries(responses).map(([status, reply]) => [Number(status), replyRule(reply, schemaOf)]),
    ),
  };
}

function replyRule(
  { description, content: bodies }: Described['responses'][string],
  schemaOf: (part: Record<string, unknown>) => z.ZodType,
): ReplyRule {
  const [[contentType, described] = ['', undefined]] = Object.entries(bodies);
  return {
    contentType,
    codes: contentType === PROBLEM ? description.split(', ') : [],
    schema: schemaOf(described?.schema ?? {}),
  };
}
