import createClient, { type Client, type Middleware } from 'openapi-fetch';
import { problemIn, ProblemError, UnexpectedAnswerError } from './errors.ts';
import type { paths } from './generated/api.ts';
import { POST_IDEMPOTENCY } from './generated/idempotency.ts';
import { type RetryOptions, sendWithRetries } from './retry.ts';

export type ApiClientOptions = Partial<RetryOptions> & {
  /** Where the service is, as `https://dispatch.example.com`. */
  baseUrl: string;
  /** Who asks. A function is called for every request, so that it can renew the token. */
  token: string | (() => string | Promise<string>);
};

/** `GET`, `POST` and `PUT` of every path of the API, typed by its OpenAPI document. */
export type ApiClient = Client<paths>;

/** How long one try may take: longer than the service's own time-out for answers. */
const ATTEMPT_TIMEOUT_MS = 15_000;
const RETRY_FOR_MS = 30_000;

/**
 * The API, asked by one caller. Requests that may be repeated are tried again while the service is away; a POST
 * that takes an Idempotency-Key gets one, the same for all its tries.
 * @returns a client whose calls throw ServiceUnavailableError where no answer came
 */
export function createApiClient({ baseUrl, token, ...options }: ApiClientOptions): ApiClient {
  const repeatable = new WeakSet<Request>();
  const retries: RetryOptions = {
    attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
    retryForMs: RETRY_FOR_MS,
    ...options,
  };
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
      if (takesKey(request, schemaPath) && !request.headers.has(KEY_HEADER))
        request.headers.set(KEY_HEADER, crypto.randomUUID());
      if (await isRepeatable(request, schemaPath)) repeatable.add(request);
      return undefined;
    },
  };
}

const KEY_HEADER = 'Idempotency-Key';

function takesKey({ method }: Request, path: string): boolean {
  return method === 'POST' && POST_IDEMPOTENCY[path] === KEY_HEADER;
}

/** A POST is repeatable by its key, by itself, or by an id that the client chose; all else by its method. */
async function isRepeatable(request: Request, path: string): Promise<boolean> {
  if (request.method !== 'POST') return true;
  const by = POST_IDEMPOTENCY[path];
  if (by === undefined) return request.headers.has(KEY_HEADER);
  if (by === KEY_HEADER || by === 'request') return true;
  const body: unknown = await request.clone().json();
  return typeof body === 'object' && body !== null && by in body;
}

/** What a call of the client gives. */
export type Reply<T> = { data?: T; error?: unknown; response: Response };

/**
 * The body of a success.
 * @throws ProblemError where the service refused; UnexpectedAnswerError where the answer is not the service's
 */
export function dataOf<T>({ data, error, response }: Reply<T>): T {
  if (data !== undefined) return data;
  const problem = problemIn(error);
  throw problem ? new ProblemError(problem) : new UnexpectedAnswerError(response.status, error);
}
