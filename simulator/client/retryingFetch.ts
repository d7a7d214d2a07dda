import { pause } from '../kit/pause';

/** The service could not be reached, or could not answer, for as long as the client was willing to try. */
export class ServiceAway extends Error {
  override name = 'ServiceAway';
}

export type RetryOptions = {
  /** How long a request is tried again, in ms. */
  patienceMs: number;
  /** How long one try may take, in ms; longer than the service's own time-out for answers. */
  tryTimeoutMs?: number;
  /** Calls off what is under way. */
  signal?: AbortSignal;
  /** Told of every try that is to be repeated. */
  onRetry?: (why: string) => void;
  /** The real one, if not the platform's. */
  send?: (request: Request) => Promise<Response>;
};

const TRY_TIMEOUT_MS = 15_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;
const SAFE_TO_RETRY: readonly number[] = [429, 502, 503, 504];

/**
 * Sends a request until it is answered: again after 429 and 503, and when the connection is lost. Every
 * request to the service may be repeated as it is; the answer is then that of the first time.
 * @returns a fetch that throws ServiceAway once its patience is used up, or when it is called off: then with
 *   the signal's reason as its cause
 */
export function createRetryingFetch({
  patienceMs,
  tryTimeoutMs = TRY_TIMEOUT_MS,
  signal,
  onRetry,
  send = fetch,
}: RetryOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    const giveUpAt = Date.now() + patienceMs;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      const tried = await tryOnce(send, request, tryTimeoutMs, signal);
      if ('response' in tried && !SAFE_TO_RETRY.includes(tried.response.status)) return tried.response;
      const why = 'response' in tried ? `status ${tried.response.status}` : tried.lost;
      const nextWaitMs = 'response' in tried ? await waitAskedFor(tried.response, waitMs) : waitMs;
      if (Date.now() + nextWaitMs > giveUpAt || !(await pause(nextWaitMs, signal)))
        throw new ServiceAway(`${request.method} ${new URL(request.url).pathname}: ${why}`, {
          cause: signal?.aborted ? signal.reason : undefined,
        });
      onRetry?.(why);
    }
  };
}

type Tried = { response: Response } | { lost: string };

async function tryOnce(
  send: (request: Request) => Promise<Response>,
  request: Request,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Tried> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return {
      response: await whole(
        await send(
          new Request(request.clone(), { signal: signal ? AbortSignal.any([signal, timeout]) : timeout }),
        ),
      ),
    };
  } catch (error) {
    return { lost: reasonOf(error) };
  }
}

/**
 * With all that it says: a connection may be lost between the first word and the last, and then there was no
 * answer.
 */
async function whole(response: Response): Promise<Response> {
  const body = await response.arrayBuffer();
  return new Response(body.byteLength === 0 ? null : body, {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
  });
}

/** What `Retry-After` says, if anything. The body is read, so that the connection can be used again. */
async function waitAskedFor(response: Response, waitMs: number): Promise<number> {
  await response.arrayBuffer().catch(() => undefined);
  const seconds = Number(response.headers.get('retry-after'));
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : waitMs;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
