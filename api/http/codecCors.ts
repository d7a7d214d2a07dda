import type { RequestHandler } from 'express';

/** What the Temporal UI sends beside the token: the namespace of the payloads. */
const HEADERS = 'authorization, content-type, x-namespace';
const KEPT_SECONDS = '600';

/**
 * Lets the pages of one origin, the Temporal UI, call the codec endpoint. The call itself needs a token of ops
 * like any other.
 * @param origin null: no page may call it
 */
export function codecCors(origin: string | null): RequestHandler {
  return (request, response, next) => {
    response.vary('Origin');
    const isTheirs = origin !== null && request.get('origin') === origin;
    if (isTheirs) response.set('Access-Control-Allow-Origin', origin);
    if (!isTheirs || request.method !== 'OPTIONS') return next();
    response
      .status(204)
      .set({
        'Access-Control-Allow-Methods': 'POST',
        'Access-Control-Allow-Headers': HEADERS,
        'Access-Control-Max-Age': KEPT_SECONDS,
      })
      .end();
  };
}
