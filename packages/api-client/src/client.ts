import createClient, { type Client, type Middleware } from 'openapi-fetch';
import { problemIn, ProblemError, UnexpectedAnswerError } from './errors.ts';
import type { paths } from './generated/api.ts';
import { POST_IDEMPOTENCY } from './generated/idempotency.ts';
import { type RetryOptions, sendWithRetries } from './retry.ts';

export type ApiClientOptions = Partial<RetryOptions> & {
  /** Address of the service, such as `https://dispatch.example.com`. */
  baseUrl: string;
  /** Token of the caller. A function is called for every request, so it can renew the token. */
  token: string | (() => string | Promise<string>);
};

/** `GET`, `POST` and `PUT` of every path of the API, typed by its OpenAPI document. */
export type ApiClient = Client<paths>;

/** Time-out of one attempt; longer than the service's own response time-out. */
const ATTEMPT_TIMEOUT_MS = 15_000;
const RETRY_FOR_MS = 30_000;

/**
 * Creates a client for one caller. Idempotent requests are retried while the service is unavailable. The client
 * adds an Idempotency-Key to each POST that accepts one, and repeats it in every attempt.
 * @returns a client whose calls throw ServiceUnavailableError if no response arrives
 */
export function createApiClient({
  baseUrl,
  token,
  attemptTimeoutMs = ATTEMPT_TIMEOUT_MS,
  retryForMs = RETRY_FOR_MS,
  ...options
}: ApiClientOptions): ApiClient {
  const repeatable = new WeakSet<Request>();
  const retries: RetryOptions = { ...options, attemptTimeoutMs, retryForMs };
  const client = createClient<paths>({
    baseUrl,
    fetch: (request) =>
      sendWithRetries(request, repeatable.has(request) ? retries : { ...retries, retryForMs: 0 }),
  });
  client.use(prepare(token, repeatable));
  return client;
}

function prepare(token: ApiClientOptions['token'], repeatable: WeakSet<Request>): Middleware {
  return {
    onRequest: async ({ request, schemaPath }) => {
      request.headers.set('authorization', `Bearer ${typeof token === 'string' ? token : await token()}`);
      if (acceptsKey(request, schemaPath) && !request.headers.has(KEY_HEADER))
        request.headers.set(KEY_HEADER, crypto.randomUUID());
      if (await isRepeatable(request, schemaPath)) repeatable.add(request);
      return undefined;
    },
  };
}

/** RFC 9110, 9.2.2. A PATCH, say, is never repeated. */
const IDEMPOTENT_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];
const KEY_HEADER = 'Idempotency-Key';

function acceptsKey({ method }: Request, path: string): boolean {
  return method === 'POST' && POST_IDEMPOTENCY[path] === KEY_HEADER;
}

/** GET and PUT are idempotent. A POST is idempotent by its key, by its route, or by a client-chosen id. */
async function isRepeatable(request: Request, path: string): Promise<boolean> {
  if (request.method !== 'POST') return IDEMPOTENT_METHODS.includes(request.method);
  const by = POST_IDEMPOTENCY[path];
  if (by === undefined) return request.headers.has(KEY_HEADER);
  if (by === KEY_HEADER || by === 'request') return true;
  const body: unknown = await request.clone().json();
  return typeof body === 'object' && body !== null && by in body;
}

/** The result of a request. */
export type Reply<T> = { data?: T; error?: unknown; response: Response };

/**
 * Returns the body of a successful response.
 * @throws ProblemError if the service refused the request
 * @throws UnexpectedAnswerError if the response is not from the service
 */
export function dataOf<T>({ data, error, response }: Reply<T>): T {
  if (data !== undefined) return data;
  const problem = problemIn(error);
  throw problem ? new ProblemError(problem) : new UnexpectedAnswerError(response.status, error);
}
