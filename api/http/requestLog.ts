import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { pinoHttp } from 'pino-http';
import { Histogram } from 'prom-client';

const HEADER = 'x-correlation-id';
const SANE = /^[\w.:-]{1,128}$/;

/**
 * Takes the correlation id of the caller where it is sane, else makes one, and gives it back in the answer.
 */
export function correlate(request: Request, response: Response, next: NextFunction): void {
  const given = request.get(HEADER);
  response.setHeader(HEADER, given !== undefined && SANE.test(given) ? given : randomUUID());
  next();
}

/** The id under which log, audit trail and workflow speak of this request. */
export function correlationIdOf(response: Pick<Response, 'getHeader'>): string {
  return String(response.getHeader(HEADER));
}

/**
 * One line a request, without headers, bodies or query strings: they hold tokens and personal data. Pings and
 * probes only at `debug`.
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
    // What went wrong is said by the handler of problems, with its stack.
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

/** What was asked for, without the query. */
export function pathOf({ originalUrl }: Pick<Request, 'originalUrl'>): string {
  return originalUrl.split('?', 1)[0] ?? '';
}

const requestSeconds = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'How long requests took, by route',
  labelNames: ['method', 'route', 'status'] as const,
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 4, 8, 16],
});

/** Counts a request under its route, never under its path: ids would make a series each. */
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
