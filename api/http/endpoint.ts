import { z } from 'zod';
import type { Caller, Role } from '../auth/caller';
import { type FieldError, Problem, type ProblemCode } from './problems';
import type { LimitKind } from './rateLimits';

/** What a handler gets: all of it validated. */
export type Call<P, Q, B> = {
  params: P;
  query: Q;
  body: B;
  caller: Caller;
  correlationId: string;
  idempotencyKey: string | null;
};

/** What it gives back. The body is JSON, or the whole text where the reply has a content type of its own. */
export type Reply = { status: number; body: unknown; headers?: Readonly<Record<string, string>> };

/** A request before validation. */
export type RawCall = {
  params: unknown;
  query: unknown;
  body: unknown;
  caller: Caller;
  correlationId: string;
  idempotencyKey: string | null;
};

export type ReplyKind = {
  description: string;
  schema: z.ZodType;
  /** Where it is not JSON: the body is a text, sent as it is. */
  contentType?: 'text/csv';
};

type Common = {
  /** As Express writes it: `/v2/deliveries/:id`. */
  path: string;
  summary: string;
  tag: string;
  roles: readonly Role[];
  /** Location pings, and changes of availability by drivers, are counted apart. */
  limit?: LimitKind;
  /** Takes the header Idempotency-Key. */
  takesKey?: boolean;
  /**
   * The same POST again changes nothing more: by its key, or by what it says. Where
   * that takes a field of the body which may be left out, its name.
   */
  repeatNeeds?: string;
  replies: Readonly<Record<number, ReplyKind>>;
  /** Beyond those that every endpoint can give. */
  refusals?: readonly ProblemCode[];
};

/** One method of one path: all that serving and documenting it needs. */
export type Endpoint = Common & {
  method: 'get' | 'post' | 'put';
  params: z.ZodObject;
  query: z.ZodObject;
  /** Null: the endpoint takes no body. */
  body: z.ZodType | null;
  /** @throws Problem, at once or later */
  answer: (raw: RawCall) => Promise<Reply>;
};

/** No parameters, or a body without fields. */
export const NOTHING = z.strictObject({});

type Reading<P extends z.ZodObject, Q extends z.ZodObject> = Common & {
  params: P;
  query: Q;
  handle: (call: Call<z.output<P>, z.output<Q>, null>) => Promise<Reply>;
};

type Writing<P extends z.ZodObject, B extends z.ZodType> = Common & {
  params: P;
  body: B;
  handle: (call: Call<z.output<P>, z.output<typeof NOTHING>, z.output<B>>) => Promise<Reply>;
};

export function get<P extends z.ZodObject, Q extends z.ZodObject>({
  handle,
  ...rest
}: Reading<P, Q>): Endpoint {
  const { params, query } = rest;
  return {
    ...rest,
    method: 'get',
    body: null,
    answer: (raw) =>
      handle({ ...raw, params: readParams(params, raw.params), query: read(query, raw.query), body: null }),
  };
}

export function post<P extends z.ZodObject, B extends z.ZodType>(definition: Writing<P, B>): Endpoint {
  return writing('post', definition);
}

export function put<P extends z.ZodObject, B extends z.ZodType>(definition: Writing<P, B>): Endpoint {
  return writing('put', definition);
}

function writing<P extends z.ZodObject, B extends z.ZodType>(
  method: 'post' | 'put',
  { handle, ...rest }: Writing<P, B>,
): Endpoint {
  const { params, body } = rest;
  return {
    ...rest,
    method,
    query: NOTHING,
    answer: (raw) =>
      handle({
        ...raw,
        params: readParams(params, raw.params),
        query: read(NOTHING, raw.query),
        body: read(body, raw.body),
      }),
  };
}

/** A path whose ids cannot be ids leads to nothing. */
function readParams<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const result = schema.safeParse(given);
  if (!result.success) throw new Problem('NOT_FOUND', 'there is nothing under this address');
  return result.data;
}

function read<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const result = schema.safeParse(given);
  if (!result.success)
    throw new Problem('INVALID_REQUEST', 'some fields are not as they must be', {
      errors: fieldErrors(result.error),
    });
  return result.data;
}

/** The most errors that one answer lists. */
const MAX_ERRORS = 50;

function fieldErrors({ issues }: z.ZodError): FieldError[] {
  return issues.slice(0, MAX_ERRORS).map(({ path, message }) => ({
    path: path.map(String).join('.').slice(0, 200),
    message: message.slice(0, 300),
  }));
}
