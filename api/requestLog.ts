import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';
import { type HttpLogger, pinoHttp } from 'pino-http';
import { Histogram } from 'prom-client';

const HEADER = 'x-correlation-id';
const SANE = /^[\w.:-]{1,128}$/;

/** Takes the correlation id of the caller where it is sane, else makes one, and gives it back in the answer. */
export function correlate(request: Request, response: Response, next: NextFunction): void {
  const given = request.get(HEADER);
  response.setHeader(HEADER, given !== undefined && SANE.test(given) ? given : randomUUID());
  next();
}

/** The id under which log, audit trail and workflow speak of this request. */
export function correlationIdOf(response: Pick<Response, 'getHeader'>): string {
  return String(response.getHeader(HEADER));
}

/** One line a request, without headers, bodies or query strings: they hold tokens and personal data. Pings and probes only at `debug`. */
export function requestLog(log: Logger): HttpLogger<Request, Response> {
  return pinoHttp<Request, Response>({
    logger: log,
    genReqId: (_request, response) => correlationIdOf(response),
    customAttributeKeys: { reqId: 'correlationId' },
    quietReqLogger: true,
    customLogLevel: (request, response, error) => {
      if (error !== undefined || response.statusCode >= 500) return 'error';
      return isFrequent(pathOf(request)) ? 'debug' : 'info';
    },
    serializers: { req: () => undefined, res: () => undefined },
    customProps: (request, response) => ({ method: request.method, path: pathOf(request), status: response.statusCode }),
  });
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
      requestSeconds.observe({ method: request.method, route, status: response.statusCode }, (performance.now() - begun) / 1_000);
    });
    next();
  };
}
