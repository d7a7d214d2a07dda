import express, { type ErrorRequestHandler, type Request, type Response, Router } from 'express';
import type { Caller } from '../auth/caller';
import type { ApiDeps } from '../deps';
import type { Endpoint, Reply } from './endpoint';
import { isOutage } from './outage';
import { Problem, problemBody } from './problems';
import type { RateLimits } from './rateLimits';
import { correlationIdOf, measure, pathOf } from './requestLog';
import { TokenError } from '../auth/tokens';

/** The largest body, in bytes. */
const MAX_BODY = '100kb';

type ServeDeps = Pick<ApiDeps, 'readToken' | 'log' | 'checkReplies'> & { rateLimits: RateLimits };

/** Each endpoint under its path, and 405 for the other methods of that path. */
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
      throw new Problem('METHOD_NOT_ALLOWED', `allowed here: ${allow}`, { headers: { Allow: allow } });
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
 * Who asks comes first: a body is not even read for somebody unknown. Mostly there is nothing to wait for but
 * the body and the answer; each wait less is felt where thousands of pings come in a second
 * (docs/performance.md).
 */
async function serve(
  deps: ServeDeps,
  endpoint: Endpoint,
  request: Request,
  response: Response,
): Promise<void> {
  const asking = authenticate(deps, request);
  const caller = asking instanceof Promise ? await asking : asking;
  const counting = deps.rateLimits.spend(caller, endpoint.limit ?? 'general');
  if (counting) await counting;
  if (!endpoint.roles.includes(caller.role))
    throw new Problem('FORBIDDEN', `only for: ${endpoint.roles.join(', ')}`);
  const reply = await endpoint.answer({
    params: request.params,
    query: request.query,
    body: endpoint.body === null ? null : await readBody(request, response),
    caller,
    correlationId: correlationIdOf(response),
    idempotencyKey: endpoint.takesKey === true ? idempotencyKey(request) : null,
  });
  if (deps.checkReplies === true) checkReply(endpoint, reply);
  send(response, endpoint, reply);
}

function authenticate(deps: ServeDeps, request: Request): Caller | Promise<Caller> {
  const [, token] = /^Bearer ([\w~+/.=-]{1,8192})$/i.exec(request.get('authorization') ?? '') ?? [];
  if (token === undefined) return refuse(deps, request, new TokenError('a bearer token is needed'));
  const reading = deps.readToken(token);
  return reading instanceof Promise
    ? reading.catch((error: unknown) => refuse(deps, request, error))
    : reading;
}

async function refuse({ rateLimits }: ServeDeps, request: Request, error: unknown): Promise<never> {
  if (!(error instanceof TokenError))
    throw new Problem('UNAVAILABLE', 'tokens cannot be checked now; safe to retry', {
      headers: { 'Retry-After': '1' },
    });
  await rateLimits.spendBadToken(request.ip ?? 'unknown');
  throw new Problem('UNAUTHENTICATED', error.message, { headers: { 'WWW-Authenticate': 'Bearer' } });
}

const parseJson = express.json({ limit: MAX_BODY });

/** No body at all counts as one without fields. */
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
  throw new Problem('INVALID_REQUEST', 'some fields are not as they must be', {
    errors: [{ path: 'Idempotency-Key', message: 'must be 1 to 128 printable ASCII characters' }],
  });
}

function checkReply({ method, path, replies }: Endpoint, { status, body }: Reply): void {
  const kind = replies[status];
  if (kind === undefined) throw new Error(`${method} ${path} answered ${status}, which is not documented`);
  const checked = kind.schema.safeParse(body);
  if (!checked.success)
    throw new Error(`${method} ${path} answered not as documented: ${checked.error.message}`);
}

function send(response: Response, { replies }: Endpoint, { status, body, headers = {} }: Reply): void {
  const contentType = replies[status]?.contentType;
  response.status(status).set(headers);
  if (contentType === undefined) response.json(body);
  else response.type(contentType).send(body);
}

/** The last handler: whatever was thrown becomes a problem (RFC 9457). */
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
    return new Problem('UNAVAILABLE', 'something needed is away; safe to retry', {
      headers: { 'Retry-After': '1' },
    });
  return ofRequest(error) ?? new Problem('INTERNAL', 'the fault is noted under the correlation id');
}

/** What Express and its body parser say of a request: http-errors with a status and a type. */
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
      return new Problem('BODY_TOO_LARGE', 'the body may have at most 100 kB');
    case 415:
      return new Problem(
        'UNSUPPORTED_MEDIA_TYPE',
        'the body must be JSON in UTF-8, plain, or compressed by gzip, deflate or br',
      );
    default:
      return new Problem('MALFORMED_REQUEST', 'the body is not JSON, or the address is not properly encoded');
  }
}
