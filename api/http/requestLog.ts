import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { pinoHttp } from 'pino-http';
import { Histogram } from 'prom-client';

const HEADER = 'x-correlation-id';
const VALID = /^[\w.:-]{1,128}$/;

/** Uses the correlation id of the caller if it is valid, or makes one, and returns it in the response. */
export function correlate(request: Request, response: Response, next: NextFunction): void {
  const given = request.get(HEADER);
  response.setHeader(HEADER, given !== undefined && VALID.test(given) ? given : randomUUID());
  next();
}

/** The id that this request has in the log, the audit trail and the workflow. */
export function correlationIdOf(response: Pick<Response, 'getHeader'>): string {
  return String(response.getHeader(HEADER));
}

/**
 * Logs one line per request. Headers, bodies and query strings are omitted, since they have tokens and personal
 * data. Pings and probes are logged at `debug`.
 */
export function requestLog(log: Logger): RequestHandler {
  const note = pinoHttp<Request, Response>({
    logger: log,
    genReqId: (_request, response) => correlationIdOf(response),
    customAttributeKeys: { reqId: 'correlationId' },
    quietReqLogger: true,
    customLogLevel: (request, { statusCode }) => levelOf(pathOf(request), statusCode),
    serializers: { req: () => undefined, res: () => undefined },
    customSuccessMessage: () => 'answered',
    // The problem handler logs the error, with its stack.
    customErrorMessage: () => 'answered',
    customSuccessObject: lineOf,
    customErrorObject: (request, response, _error, made: { responseTime?: number }) =>
      lineOf(request, response, made),
  });
  return (request, response, next) =>
    isFrequent(pathOf(request)) && !log.isLevelEnabled('debug') ? next() : note(request, response, next);
}

function lineOf(
  request: Request,
  { statusCode: status }: Response,
  { responseTime: ms }: { responseTime?: number },
): object {
  return { method: request.method, path: pathOf(request), status, ms };
}

function levelOf(path: string, status: number): 'error' | 'warn' | 'info' | 'debug' {
  if (status === 503) return 'warn';
  if (status >= 500) return 'error';
  return isFrequent(path) ? 'debug' : 'info';
}

function isFrequent(path: string): boolean {
  return path.endsWith('/location') || path.startsWith('/health') || path === '/metrics';
}

/** The path of the request, without the query. */
export function pathOf({ originalUrl }: Pick<Request, 'originalUrl'>): string {
  return originalUrl.split('?', 1)[0] ?? '';
}

const requestSeconds = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Duration of requests, by route',
  labelNames: ['method', 'route', 'status'] as const,
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 4, 8, 16],
});

/** Measures a request by its route. By path, every id would make a series of its own. */
export function measure(route: string) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const begun = performance.now();
    response.once('close', () => {
      requestSeconds.observe(
        { method: request.method, route, status: response.statusCode },
        (performance.now() - begun) / 1_000,
      );
    });
    next();
  };
}
