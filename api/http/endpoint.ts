import { z } from 'zod';
import type { Caller } from '../auth/caller';
import { fieldErrors } from './fieldErrors';
import { Problem, type ProblemCode } from './problems';
import type { LimitKind } from './rateLimits';

/** The validated input of a handler. */
export type Call<P, Q, B> = {
  params: P;
  query: Q;
  body: B;
  /** The body as it was sent, for what depends on the words of the client; null without one. */
  sentBody: unknown;
  caller: Caller;
  correlationId: string;
  idempotencyKey: string | null;
  /** Counts further points of this request against its rate limit. @throws Problem TOO_MANY_REQUESTS */
  spend: (points: number) => void | Promise<void>;
};

/** The reply of a handler. The body is JSON, or a text if the reply has a content type of its own. */
export type Reply = { status: number; body: unknown; headers?: Readonly<Record<string, string>> };

/** A request before validation. */
export type RawCall = Omit<Call<unknown, unknown, unknown>, 'sentBody'> & {
  /**
   * Compares the body with the one that the idempotency key came with first.
   * @throws Problem IDEMPOTENCY_KEY_REUSED
   */
  requireSameRequest: (params: Readonly<Record<string, unknown>>) => Promise<void>;
};

export type ReplyKind = {
  description: string;
  schema: z.ZodType;
  /** For a reply that is not JSON: its body is a text and is sent unchanged. */
  contentType?: 'text/csv';
};

type Common = {
  /** In the syntax of Express: `/v2/deliveries/:id`. */
  path: string;
  summary: string;
  tag: string;
  roles: readonly Caller['role'][];
  /** Location pings and availability changes by drivers have their own rate limits. */
  limit?: LimitKind;
  /** Accepts the header Idempotency-Key. */
  takesKey?: boolean;
  /**
   * The same POST again changes nothing more: by its key, or by what it says. Where
   * that takes a field of the body which may be left out, its name.
   */
  repeatNeeds?: string;
  replies: Readonly<Record<number, ReplyKind>>;
  /** In addition to those that every endpoint can return. */
  refusals?: readonly ProblemCode[];
};

/** One method of one path, with all that serving and documenting it needs. */
export type Endpoint = Common & {
  method: 'get' | 'post' | 'put' | 'patch';
  params: z.ZodObject;
  query: z.ZodObject;
  /** Null: the endpoint takes no body. */
  body: z.ZodType | null;
  /** @throws Problem, synchronously or as a rejection */
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
  /** Where the handler validates parts of the body itself: the whole body, for the documents. */
  documentedBody?: z.ZodType;
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
      handle({
        ...raw,
        params: readParams(params, raw.params),
        query: read(query, raw.query),
        body: null,
        sentBody: null,
      }),
  };
}

export function post<P extends z.ZodObject, B extends z.ZodType>(definition: Writing<P, B>): Endpoint {
  return writing('post', definition);
}

export function put<P extends z.ZodObject, B extends z.ZodType>(definition: Writing<P, B>): Endpoint {
  return writing('put', definition);
}

export function patch<P extends z.ZodObject, B extends z.ZodType>(definition: Writing<P, B>): Endpoint {
  return writing('patch', definition);
}

function writing<P extends z.ZodObject, B extends z.ZodType>(
  method: 'post' | 'put' | 'patch',
  { handle, documentedBody, ...rest }: Writing<P, B>,
): Endpoint {
  const { params, body } = rest;
  return {
    ...rest,
    body: documentedBody ?? body,
    method,
    query: NOTHING,
    answer: (raw) => {
      const call = {
        ...raw,
        params: readParams(params, raw.params),
        query: read(NOTHING, raw.query),
        body: read(body, raw.body),
        sentBody: raw.body,
      };
      // Only what is valid is compared: a client may mend an invalid request under its key.
      return raw.idempotencyKey === null
        ? handle(call)
        : raw.requireSameRequest(call.params).then(() => handle(call));
    },
  };
}

/** Malformed ids in a path return 404. */
function readParams<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const result = schema.safeParse(given);
  if (!result.success) throw new Problem('NOT_FOUND', 'no resource exists at this URL');
  return result.data;
}

function read<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const result = schema.safeParse(given);
  if (!result.success)
    throw new Problem('INVALID_REQUEST', 'the request has invalid fields', {
      errors: fieldErrors(result.error),
    });
  return result.data;
}
