import { problemIn, ServiceUnavailableError } from './errors.ts';

export type RetryOptions = {
  /** How long a request is tried again, in ms; 0: it is sent once. */
  retryForMs: number;
  /** How long one try may take, in ms. */
  attemptTimeoutMs: number;
  /** Calls off what is under way. A signal of a single call does the same for that call. */
  signal?: AbortSignal;
  /** Told of every try that is to be repeated. */
  onRetry?: (why: string) => void;
  /** Sends one try; the platform's fetch, if not given. */
  send?: (request: Request) => Promise<Response>;
};

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;
/** The service did not do what was asked for, or cannot say whether it did. */
const UNANSWERED: readonly number[] = [429, 502, 503, 504];

/**
 * Sends a request until it is answered: again after 429, 502, 503 and 504, and when the connection is lost or a
 * try takes too long. Waits as long as Retry-After says, or else twice as long each time, with jitter.
 * @throws ServiceUnavailableError once its patience is used up, or when it is called off: then with the signal's
 *   reason as its cause
 */
export async function sendWithRetries(
  request: Request,
  { retryForMs, attemptTimeoutMs, signal, onRetry, send = fetch }: RetryOptions,
): Promise<Response> {
  const calledOff = AbortSignal.any(signal ? [request.signal, signal] : [request.signal]);
  const giveUpAt = Date.now() + retryForMs;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    const tried = await tryOnce(
      send,
      request,
      AbortSignal.any([calledOff, AbortSignal.timeout(attemptTimeoutMs)]),
    );
    if (tried.kind === 'answered') return tried.response;
    const nextWaitMs = tried.waitMs ?? withJitter(waitMs);
    if (Date.now() + nextWaitMs > giveUpAt || !(await pause(nextWaitMs, calledOff)))
      throw new ServiceUnavailableError(
        `${request.method} ${new URL(request.url).pathname}: ${tried.why}`,
        tried.problem,
        { cause: calledOff.aborted ? calledOff.reason : tried.cause },
      );
    onRetry?.(tried.why);
  }
}

type Unanswered = {
  kind: 'unanswered';
  why: string;
  problem: ServiceUnavailableError['problem'];
  /** What the service asks the client to wait. */
  waitMs?: number;
  cause?: unknown;
};
type Tried = { kind: 'answered'; response: Response } | Unanswered;

/** A connection may be lost between the first word and the last: only a whole body is an answer. */
async function tryOnce(
  send: (request: Request) => Promise<Response>,
  request: Request,
  signal: AbortSignal,
): Promise<Tried> {
  try {
    const response = await send(new Request(request.clone(), { signal }));
    const { status, statusText, headers } = response;
    const body = await response.arrayBuffer();
    if (UNANSWERED.includes(status)) return unanswered(response, body);
    const whole = new Response(body.byteLength === 0 ? null : body, { status, statusText, headers });
    return { kind: 'answered', response: whole };
  } catch (error) {
    return { kind: 'unanswered', why: reasonOf(error), problem: null, cause: error };
  }
}

function unanswered({ status, headers }: Response, body: ArrayBuffer): Unanswered {
  const seconds = Number(headers.get('retry-after'));
  return {
    kind: 'unanswered',
    why: `status ${status}`,
    problem: problemIn(parsed(new TextDecoder().decode(body))),
    ...(Number.isFinite(seconds) && seconds > 0 ? { waitMs: seconds * 1_000 } : {}),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Between half of it and the whole, so that clients that failed together do not come back together. */
function withJitter(waitMs: number): number {
  return waitMs * (0.5 + Math.random() / 2);
}

/** @returns false when it was called off */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return new Promise((resolve) => {
    const end = (isOver: boolean) => (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', calledOff);
      resolve(isOver);
    };
    const calledOff = end(false);
    const timer = setTimeout(end(true), ms);
    signal.addEventListener('abort', calledOff);
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
