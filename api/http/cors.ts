import type { RequestHandler } from 'express';

/** What browsers may send and read beyond the plain minimum. */
const REQUEST_HEADERS = 'Authorization, Content-Type, Idempotency-Key, X-Correlation-Id';
const REPLY_HEADERS = 'Location, Retry-After, WWW-Authenticate, Allow, X-Correlation-Id';
const METHODS = 'GET, HEAD, POST, PUT, PATCH';
/** How long a browser remembers the answer to a preflight, in seconds. */
const MAX_AGE = '600';

/**
 * Lets the listed browser origins use the API. A preflight is answered with 204 whoever asks, without the headers that
 * allow anything where the origin is not listed. Tokens travel in a header, so no cookie is ever allowed.
 * @param origins null: none is listed
 */
export function cors(origins: readonly string[] | null): RequestHandler {
  const listed = new Set(origins ?? []);
  return (request, response, next) => {
    const origin = request.get('origin');
    const isAllowed = origin !== undefined && listed.has(origin);
    if (listed.size > 0) response.vary('Origin');
    if (isAllowed)
      response.set({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Expose-Headers': REPLY_HEADERS });
    const isPreflight =
      request.method === 'OPTIONS' &&
      origin !== undefined &&
      request.get('access-control-request-method') !== undefined;
    if (!isPreflight) return next();
    if (isAllowed)
      response.set({
        'Access-Control-Allow-Methods': METHODS,
        'Access-Control-Allow-Headers': REQUEST_HEADERS,
        'Access-Control-Max-Age': MAX_AGE,
      });
    response.status(204).end();
  };
}
