import { problemIn, ServiceUnavailableError } from './errors.ts';

export type RetryOptions = {
  /** How long a request is retried, in ms; 0: it is sent once. */
  retryForMs: number;
  /** Time-out of one attempt, in ms. */
  attemptTimeoutMs: number;
  /** Aborts all requests in progress. The signal of a single call aborts that call. */
  signal?: AbortSignal;
  /** Called before every retry. */
  onRetry?: (reason: string) => void;
  /** Sends one attempt. Default: `fetch`. */
  send?: (request: Request) => Promise<Response>;
};

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 2_000;
/** The request was not carried out, or its result is unknown. */
const RETRYABLE_STATUSES: readonly number[] = [429, 502, 503, 504];

/**
 * Sends a request and retries it after 429, 502, 503 and 504, a lost connection or a time-out. Waits as long as
 * Retry-After says, or else with exponential backoff and jitter.
 * @throws ServiceUnavailableError after `retryForMs`, or when aborted; the cause is then the signal's reason
 */
export async function sendWithRetries(request: Request, options: RetryOptions): Promise<Response> {
  const { signal } = options;
  const aborted = new FirstAbort(signal ? [request.signal, signal] : [request.signal]);
  try {
    return await tryUntilAnswered(request, options, aborted.signal);
  } finally {
    aborted.release();
  }
}

async function tryUntilAnswered(
  request: Request,
  { retryForMs, attemptTimeoutMs, onRetry, send = fetch }: RetryOptions,
  aborted: AbortSignal,
): Promise<Response> {
  const giveUpAt = Date.now() + retryForMs;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
    const result = await tryWithin(attemptTimeoutMs, aborted, (ends) => tryOnce(send, request, ends));
    if (result.kind === 'answered') return result.response;
    const nextWaitMs = result.waitMs ?? withJitter(waitMs);
    if (Date.now() + nextWaitMs > giveUpAt || !(await pause(nextWaitMs, aborted)))
      throw new ServiceUnavailableError(
        `${request.method} ${new URL(request.url).pathname}: ${result.reason}`,
        result.problem,
        { cause: aborted.aborted ? aborted.reason : result.cause },
      );
    onRetry?.(result.reason);
  }
}

type Unanswered = {
  kind: 'unanswered';
  reason: string;
  problem: ServiceUnavailableError['problem'];
  /** The wait from Retry-After. */
  waitMs?: number;
  cause?: unknown;
};
type AttemptResult = { kind: 'answered'; response: Response } | Unanswered;

/** Aborts the attempt when `aborted` does or the time is over. */
async function tryWithin<T>(
  timeoutMs: number,
  aborted: AbortSignal,
  attempt: (ends: AbortSignal) => Promise<T>,
): Promise<T> {
  const ends = new FirstAbort([aborted]);
  const reason = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  const timer = setTimeout(() => ends.abort(reason), timeoutMs);
  try {
    return await attempt(ends.signal);
  } finally {
    clearTimeout(timer);
    ends.release();
  }
}

/**
 * Aborts with the first of some signals. `AbortSignal.any` would do the same, but Node 20 garbage-collects its
 * signals while somebody listens to them, and then they never abort.
 */
class FirstAbort {
  private readonly controller = new AbortController();
  private readonly listeners: { source: AbortSignal; listener: () => void }[] = [];

  constructor(sources: readonly AbortSignal[]) {
    for (const source of sources) {
      if (source.aborted) this.abort(source.reason);
      const listener = (): void => this.abort(source.reason);
      source.addEventListener('abort', listener, { once: true });
      this.listeners.push({ source, listener });
    }
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  abort(reason: unknown): void {
    this.controller.abort(reason);
  }

  /** Stops listening: the sources may live longer. */
  release(): void {
    for (const { source, listener } of this.listeners) source.removeEventListener('abort', listener);
  }
}

/** Node 20 garbage-collects a Request that `fetch` still sends, and then its signal no longer aborts it. */
const underWay = new Set<Request>();

/** Reads the whole body, because the connection may be lost in the middle of it. */
async function tryOnce(
  send: (request: Request) => Promise<Response>,
  request: Request,
  signal: AbortSignal,
): Promise<AttemptResult> {
  const attempt = new Request(request.clone(), { signal });
  underWay.add(attempt);
  try {
    const response = await send(attempt);
    const { status, statusText, headers } = response;
    const body = await response.arrayBuffer();
    if (RETRYABLE_STATUSES.includes(status)) return unanswered(response, body);
    const whole = new Response(body.byteLength === 0 ? null : body, { status, statusText, headers });
    return { kind: 'answered', response: whole };
  } catch (error) {
    return { kind: 'unanswered', reason: reasonOf(error), problem: null, cause: error };
  } finally {
    underWay.delete(attempt);
  }
}

function unanswered({ status, headers }: Response, body: ArrayBuffer): Unanswered {
  const seconds = Number(headers.get('retry-after'));
  return {
    kind: 'unanswered',
    reason: `status ${status}`,
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

/** Between half of the wait and all of it, so that clients do not retry at the same instant. */
function withJitter(waitMs: number): number {
  return waitMs * (0.5 + Math.random() / 2);
}

/** @returns false if aborted */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return new Promise((resolve) => {
    const end = (isOver: boolean) => (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      resolve(isOver);
    };
    const aborted = end(false);
    const timer = setTimeout(end(true), ms);
    signal.addEventListener('abort', aborted);
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
