import express, { type ErrorRequestHandler, type Request, type Response, Router } from 'express';
import { type Caller, suspendableOf } from '../auth/caller';
import type { ApiDeps } from '../deps';
import type { Endpoint, Reply } from './endpoint';
import { isOutage } from './outage';
import { Problem, problemBody } from './problems';
import type { RateLimits } from './rateLimits';
import { correlationIdOf, measure, pathOf } from './requestLog';
import type { Throttle } from './throttle';
import { TokenError } from '../auth/tokens';

/** The largest body, in bytes. */
const MAX_BODY = '100kb';

type ServeDeps = Pick<ApiDeps, 'readToken' | 'log' | 'checkReplies' | 'fingerprints' | 'suspended'> & {
  rateLimits: RateLimits;
  /** Holds back the 401 of an address that is over its limit. */
  throttle: Throttle;
};

/** Routes each endpoint, and answers 405 to the other methods of its path. */
export function endpointRouter(deps: ServeDeps, endpoints: readonly Endpoint[]): Router {
  const router = Router();
  for (const endpoint of endpoints) {
    router[endpoint.method](endpoint.path, measure(endpoint.path), (request: Request, response: Response) =>
      serve(deps, endpoint, request, response),
    );
  }
  for (const [path, methods] of methodsByPath(endpoints)) {
    const allow = methods.map((method) => method.toUpperCase()).join(', ');
    router.all(path, measure(path), () => {
      throw new Problem('METHOD_NOT_ALLOWED', `allowed methods: ${allow}`, { headers: { Allow: allow } });
    });
  }
  return router;
}

function methodsByPath(endpoints: readonly Endpoint[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { path, method } of endpoints)
    found.set(path, [...(found.get(path) ?? []), ...(method === 'get' ? ['get', 'head'] : [method])]);
  return found;
}

/**
 * Authenticates before the body is read. Awaits only promises: the token and the rate limit are mostly known
 * synchronously, and each avoided await counts at thousands of pings per second (docs/performance.md).
 */
async function serve(
  deps: ServeDeps,
  endpoint: Endpoint,
  request: Request,
  response: Response,
): Promise<void> {
  const authenticating = authenticate(deps, request);
  const caller = authenticating instanceof Promise ? await authenticating : authenticating;
  const spend = (points: number): void | Promise<void> =>
    deps.rateLimits.spend(caller, endpoint.limit ?? 'general', points);
  const counting = spend(1);
  if (counting) await counting;
  const suspendable = suspendableOf(caller);
  if (suspendable !== null && deps.suspended.has(suspendable))
    throw new Problem('SUSPENDED', `ops have suspended this ${suspendable.kind}`);
  if (!endpoint.roles.includes(caller.role))
    throw new Problem('FORBIDDEN', `allowed roles: ${endpoint.roles.join(', ')}`);
  const body = endpoint.body === null ? null : await readBody(request, response);
  const key = endpoint.takesKey === true ? idempotencyKey(request) : null;
  const reply = await endpoint.answer({
    params: request.params,
    query: request.query,
    body,
    caller,
    correlationId: correlationIdOf(response),
    idempotencyKey: key,
    requireSameRequest: (params) => requireSameRequest(deps, endpoint, { caller, key, params, body }),
    spend,
  });
  if (deps.checkReplies === true) checkReply(endpoint, reply);
  send(response, endpoint, reply);
}

function authenticate(deps: ServeDeps, request: Request): Caller | Promise<Caller> {
  const [, token] = /^Bearer ([\w~+/.=-]{1,8192})$/i.exec(request.get('authorization') ?? '') ?? [];
  if (token === undefined) return refuse(deps, request, new TokenError('a bearer token is required'));
  const reading = deps.readToken(token);
  return reading instanceof Promise
    ? reading.catch((error: unknown) => refuse(deps, request, error))
    : reading;
}

async function refuse({ rateLimits, throttle }: ServeDeps, request: Request, error: unknown): Promise<never> {
  if (!(error instanceof TokenError))
    throw new Problem('UNAVAILABLE', 'tokens cannot be verified now; it is safe to retry', {
      headers: { 'Retry-After': '1' },
    });
  const overForSeconds = await rateLimits.spendBadToken(request.ip ?? 'unknown');
  const headers = { 'WWW-Authenticate': 'Bearer' };
  if (overForSeconds === 0) throw new Problem('UNAUTHENTICATED', error.message, { headers });
  // It stays a 401: an app whose token has expired must learn that, whoever else is behind its address.
  await throttle();
  throw new Problem('UNAUTHENTICATED', error.message, {
    headers: { ...headers, 'Retry-After': String(overForSeconds), Connection: 'close' },
  });
}

const parseJson = express.json({ limit: MAX_BODY });

/** A missing body counts as an empty object. */
function readBody(request: Request, response: Response): unknown {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (!hasBody) return {};
  if (request.is('application/json') === false)
    throw new Problem('UNSUPPORTED_MEDIA_TYPE', 'the body must be application/json');
  return new Promise((resolve, reject) =>
    parseJson(request, response, (error?: Error) =>
      error === undefined ? resolve(request.body) : reject(error),
    ),
  );
}

function idempotencyKey(request: Request): string | null {
  const key = request.get('idempotency-key');
  if (key === undefined || /^[!-~]{1,128}$/.test(key)) return key ?? null;
  throw new Problem('INVALID_REQUEST', 'the request has invalid fields', {
    errors: [{ path: 'Idempotency-Key', message: 'must be 1 to 128 printable ASCII characters' }],
  });
}

/** The first request under a key decides what the key is for, as draft-ietf-httpapi-idempotency-key-header says. */
async function requireSameRequest(
  { fingerprints }: ServeDeps,
  { method, path }: Endpoint,
  { caller, key, params, body }: KeyedRequest,
): Promise<void> {
  if (key === null) return;
  const { role, subject } = caller;
  const scope = { role, subject, route: `${method} ${path}`, params, key };
  if (await fingerprints.isSameRequest(scope, body)) return;
  throw new Problem('IDEMPOTENCY_KEY_REUSED', 'this Idempotency-Key came with another body before');
}

type KeyedRequest = {
  caller: Caller;
  key: string | null;
  params: Readonly<Record<string, unknown>>;
  body: unknown;
};

function checkReply({ method, path, replies }: Endpoint, { status, body }: Reply): void {
  const kind = replies[status];
  if (kind === undefined)
    throw new Error(`${method} ${path} replied with ${status}, which is not documented`);
  const checked = kind.schema.safeParse(body);
  if (!checked.success)
    throw new Error(
      `${method} ${path} replied with a body that does not match its schema: ${checked.error.message}`,
    );
}

function send(response: Response, { replies }: Endpoint, { status, body, headers = {} }: Reply): void {
  const contentType = replies[status]?.contentType;
  response.status(status).set(headers);
  if (contentType === undefined) response.json(body);
  else response.type(contentType).send(body);
}

/** The last handler: converts every error to a problem (RFC 9457). */
export function problemHandler({ log }: Pick<ApiDeps, 'log'>): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const problem = problemOf(error);
    const correlationId = correlationIdOf(response);
    if (problem.status >= 500)
      log[problem.code === 'INTERNAL' ? 'error' : 'warn'](
        { err: error, correlationId, method: request.method, path: pathOf(request) },
        problem.message,
      );
    if (response.headersSent) return next(error);
    response
      .status(problem.status)
      .set(problem.headers)
      .type('application/problem+json')
      .send(JSON.stringify(problemBody(problem, { instance: pathOf(request), correlationId })));
  };
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isOutage(error))
    return new Problem('UNAVAILABLE', 'a dependency is unavailable; it is safe to retry', {
      headers: { 'Retry-After': '1' },
    });
  return ofRequest(error) ?? new Problem('INTERNAL', 'the error is logged under the correlation id');
}

/** Converts the errors of Express and its body parser, which have a status. */
function ofRequest(error: unknown): Problem | undefined {
  if (
    !(error instanceof Error) ||
    !('status' in error) ||
    typeof error.status !== 'number' ||
    error.status >= 500
  )
    return undefined;
  switch (error.status) {
    case 413:
      return new Problem('BODY_TOO_LARGE', 'the body must be at most 100 kB');
    case 415:
      return new Problem(
        'UNSUPPORTED_MEDIA_TYPE',
        'the body must be JSON in UTF-8, uncompressed or with gzip, deflate or br',
      );
    default:
      return new Problem('MALFORMED_REQUEST', 'the body is not JSON, or the URL is not properly encoded');
  }
}
