import type { Violation } from '../checker/violation';
import { pause } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';

/** Faults between a client and the service, in addition to those of the proxies. */
export type RequestFault = 'twice' | 'answerLost' | 'late' | 'none';

type Send = (request: Request) => Promise<Response>;

/** Probability, 0..1, for requests that change state. */
const ODDS = { twice: 0.04, answerLost: 0.04, late: 0.06 } as const;
const LATE_MS = { min: 5_000, max: 30_000 };
/** Longer than the service's own time-out for answers. */
const TRY_MS = 12_000;

/** The fields that a repeated request must return unchanged. */
const STABLE_FIELDS = [
  'outcome',
  'status',
  'deliveryId',
  'offerId',
  'assignmentId',
  'driverId',
  'payCents',
  'rescueId',
] as const;
/**
 * Responses that show the current state of a delivery or case: between two requests it may change, and only
 * its identity must stay the same.
 */
const CURRENT_STATE_ROUTES = /^\/v2\/(deliveries|ops\/escalations\/[^/]+\/[a-z]+)$/;
const IDENTITY_FIELDS = ['deliveryId'] as const;

/**
 * Requests that are idempotent for any length of time, by an idempotency key or by the resource they name. A
 * break or a shift requested again half a minute later is a new request, so those are only duplicated at
 * once.
 */
const IDEMPOTENT_ROUTES = /^\/v2\/(deliveries|offers|ops\/(drivers|escalations))(\/|$)/;

/**
 * Duplicates requests, drops responses, and repeats requests after a long delay. Checks that each repeat is
 * answered like the first request.
 */
export class RequestFaults {
  readonly counts: Record<Exclude<RequestFault, 'none'>, number> = { twice: 0, answerLost: 0, late: 0 };
  /** Repeats that were answered differently from the first request (invariant 2). */
  readonly contradictions: Violation[] = [];
  private readonly repeats = new Set<Promise<void>>();
  /** Responses that were dropped, until the client asks again. */
  private readonly lost = new Map<string, Response>();
  private isOver = false;

  constructor(
    private readonly random: Random,
    private readonly signal: AbortSignal,
    private readonly sendOnce: Send = fetch,
  ) {}

  /** Stops injecting faults. Late repeats that are already scheduled are still sent. */
  end(): void {
    this.isOver = true;
  }

  /** Resolves when no repeat is left. */
  async ended(): Promise<void> {
    await Promise.all(this.repeats);
  }

  readonly send: Send = async (request) => {
    const drawn = this.draw(request);
    if (!isIdempotent(request)) return this.sendAs(drawn, request);
    const wish = await requestKey(request);
    const answer = await this.sendAs(drawn === 'answerLost' ? 'none' : drawn, request.clone());
    const unheard = this.lost.get(wish);
    this.lost.delete(wish);
    if (unheard) await this.compare(request, unheard, answer.clone(), 'after a lost answer');
    if (drawn !== 'answerLost') return answer;
    this.lost.set(wish, answer.clone());
    return this.loseAnswer(answer);
  };

  private async sendAs(drawn: RequestFault, request: Request): Promise<Response> {
    switch (drawn) {
      case 'none':
        return this.sendOnce(request);
      case 'twice':
        return this.sendTwice(request);
      case 'answerLost':
        return this.loseAnswer(await this.sendOnce(request));
      case 'late':
        return this.sendAndRepeat(request);
    }
  }

  private draw(request: Request): RequestFault {
    const draw = this.random.next();
    if (this.isOver || request.method === 'GET') return 'none';
    if (draw < ODDS.twice) return 'twice';
    if (draw < ODDS.twice + ODDS.answerLost) return 'answerLost';
    return draw < ODDS.twice + ODDS.answerLost + ODDS.late && isIdempotent(request) ? 'late' : 'none';
  }

  private async sendTwice(request: Request): Promise<Response> {
    this.counts.twice += 1;
    const again = request.clone();
    const [first, second] = await Promise.allSettled([this.sendOnce(request), this.sendOnce(again)]);
    if (first.status === 'fulfilled' && second.status === 'fulfilled') {
      const [one, other] = first.value.ok ? [first.value, second.value] : [second.value, first.value];
      await this.compare(request, one.clone(), other.clone(), 'at once');
    }
    const heard = this.random.chance(0.5) ? first : second;
    if (heard.status === 'fulfilled') return heard.value;
    throw heard.reason;
  }

  private async loseAnswer(answer: Response): Promise<never> {
    this.counts.answerLost += 1;
    await answer.arrayBuffer();
    throw new Error('the response was dropped by a fault');
  }

  private async sendAndRepeat(request: Request): Promise<Response> {
    const { method, url, headers } = request;
    const body = await request.clone().text();
    const answer = await this.sendOnce(request);
    const first = answer.clone();
    const afterMs = this.random.between(LATE_MS.min, LATE_MS.max);
    const repeat = this.repeatLater(
      new Request(url, { method, headers, body: body === '' ? undefined : body }),
      first,
      afterMs,
    );
    this.repeats.add(repeat);
    void repeat.finally(() => this.repeats.delete(repeat));
    return answer;
  }

  /** Sends the request again later. It may be dropped like any other. */
  private async repeatLater(request: Request, first: Response, afterMs: number): Promise<void> {
    if (!(await pause(afterMs, this.signal))) return;
    this.counts.late += 1;
    const again = await this.sendOnce(new Request(request, { signal: AbortSignal.timeout(TRY_MS) })).catch(
      () => undefined,
    );
    if (again) await this.compare(request, first, again, `${Math.round(afterMs / 1_000)} s later`);
  }

  private async compare(
    { method, url }: Request,
    first: Response,
    again: Response,
    when: string,
  ): Promise<void> {
    const { pathname } = new URL(url);
    const problem = contradictionOf(pathname, await answerOf(first), await answerOf(again));
    if (problem === null) return;
    const deliveryId = /^\/v2\/deliveries\/([0-9a-f-]{36})/.exec(pathname)?.[1] ?? null;
    this.contradictions.push({
      invariant: 2,
      what: `${method} ${pathname}, ${when}: ${problem}`,
      deliveryId,
      driverId: null,
    });
  }
}

function isIdempotent({ method, url }: Request): boolean {
  return method !== 'GET' && IDEMPOTENT_ROUTES.test(new URL(url).pathname);
}

/** Identifies a request: the same text means the same request. */
async function requestKey(request: Request): Promise<string> {
  const { method, url, headers } = request;
  return [
    method,
    url,
    headers.get('authorization'),
    headers.get('idempotency-key'),
    await request.clone().text(),
  ].join('\n');
}

/** A response; `body` is null where it could not be read. */
export type Answered = { status: number; body: Record<string, unknown> | null };

async function answerOf(response: Response): Promise<Answered> {
  const body: unknown = await response.json().catch(() => null);
  return { status: response.status, body: isRecord(body) ? body : null };
}

function isRecord(body: unknown): body is Record<string, unknown> {
  return typeof body === 'object' && body !== null && !Array.isArray(body);
}

/**
 * Compares the responses of a request and its repeat.
 * @param path of the request
 * @returns the difference; null where there is none, or where the service was unavailable
 */
export function contradictionOf(path: string, first: Answered, again: Answered): string | null {
  const isOk = ({ status }: Answered): boolean => status >= 200 && status < 300;
  const isAway = ({ status, body }: Answered): boolean => status === 429 || status >= 500 || body === null;
  if (isAway(first) || isAway(again) || !isOk(first)) return null;
  if (!isOk(again))
    return `first ${wordsOf(first)}, then ${again.status} ${JSON.stringify(again.body?.code)}`;
  const same: readonly string[] = CURRENT_STATE_ROUTES.test(path) ? IDENTITY_FIELDS : STABLE_FIELDS;
  return same.some((field) => first.body?.[field] !== again.body?.[field])
    ? `first ${wordsOf(first)}, then ${wordsOf(again)}`
    : null;
}

function wordsOf({ status, body }: Answered): string {
  const fields = STABLE_FIELDS.filter((field) => body?.[field] !== undefined);
  return [status, ...fields.map((field) => `${field} ${JSON.stringify(body?.[field])}`)].join(' ');
}
