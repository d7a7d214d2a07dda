import type { Broken } from '../checker/broken';
import { pause } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';

/** What happens to a request between a client and the service, beside what proxies do. */
export type RequestFault = 'twice' | 'answerLost' | 'late' | 'none';

type Send = (request: Request) => Promise<Response>;

/** How often, 0..1, of requests that change something. */
const ODDS = { twice: 0.04, answerLost: 0.04, late: 0.06 } as const;
const LATE_MS = { min: 5_000, max: 30_000 };
/** Longer than the service's own time-out for answers. */
const TRY_MS = 12_000;

/** What a repeat must be answered with as the first time. */
const SAME = [
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
 * An order is answered with the delivery as it is by then, an act on a case with the case: both go on, and
 * only which one it is stays.
 */
const SHOWN_AS_IT_IS = /^\/v2\/(deliveries|ops\/escalations\/[^/]+\/[a-z]+)$/;
const SAME_OF_WHAT_GOES_ON = ['deliveryId'] as const;

/**
 * Requests that mean the same however often and late they come: of one wish, by its key, or of one fact. A
 * break or a shift asked for again half a minute later is another wish, so those come twice at once only.
 */
const ONE_WISH = /^\/v2\/(deliveries|offers|ops\/(drivers|escalations))(\/|$)/;

/**
 * Sends requests twice at once, loses answers, and repeats requests when everybody has forgotten them; and
 * looks at whether a repeat is answered as the first time.
 */
export class RequestFaults {
  readonly counts: Record<Exclude<RequestFault, 'none'>, number> = { twice: 0, answerLost: 0, late: 0 };
  /**
   * Repeats that were answered otherwise than the first time: what was acknowledged must be so for good
   * (invariant 2).
   */
  readonly contradictions: Broken[] = [];
  private readonly repeats = new Set<Promise<void>>();
  /** What was answered and never heard, until it is asked for again. */
  private readonly lost = new Map<string, Response>();
  private isOver = false;

  constructor(
    private readonly random: Random,
    private readonly signal: AbortSignal,
    private readonly sendOnce: Send = fetch,
  ) {}

  /** No more of it; what was to be repeated late is repeated in its time. */
  end(): void {
    this.isOver = true;
  }

  /** Resolves when nothing is left to be repeated. */
  async ended(): Promise<void> {
    await Promise.all(this.repeats);
  }

  readonly send: Send = async (request) => {
    const drawn = this.draw(request);
    if (!isOneWish(request)) return this.sendAs(drawn, request);
    const wish = await wordsOfWish(request);
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
    return draw < ODDS.twice + ODDS.answerLost + ODDS.late && isOneWish(request) ? 'late' : 'none';
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
    throw new Error('the answer was lost, on purpose');
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

  /** One try: whether it is heard is a matter of chance. */
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

function isOneWish({ method, url }: Request): boolean {
  return method !== 'GET' && ONE_WISH.test(new URL(url).pathname);
}

/** Whoever asks in these words asks for the same. */
async function wordsOfWish(request: Request): Promise<string> {
  const { method, url, headers } = request;
  return [
    method,
    url,
    headers.get('authorization'),
    headers.get('idempotency-key'),
    await request.clone().text(),
  ].join('\n');
}

/** What was answered; `body` null where it could not be read. */
export type Answered = { status: number; body: Record<string, unknown> | null };

async function answerOf(response: Response): Promise<Answered> {
  const body: unknown = await response.json().catch(() => null);
  return { status: response.status, body: isRecord(body) ? body : null };
}

function isRecord(body: unknown): body is Record<string, unknown> {
  return typeof body === 'object' && body !== null && !Array.isArray(body);
}

/**
 * What was acknowledged is acknowledged again, and in the same words.
 * @param path of the request, which was sent twice
 * @returns null where it is so, or where the service was away
 */
export function contradictionOf(path: string, first: Answered, again: Answered): string | null {
  const isOk = ({ status }: Answered): boolean => status >= 200 && status < 300;
  const isAway = ({ status, body }: Answered): boolean => status === 429 || status >= 500 || body === null;
  if (isAway(first) || isAway(again) || !isOk(first)) return null;
  if (!isOk(again))
    return `first ${wordsOf(first)}, then ${again.status} ${JSON.stringify(again.body?.code)}`;
  const same: readonly string[] = SHOWN_AS_IT_IS.test(path) ? SAME_OF_WHAT_GOES_ON : SAME;
  return same.some((field) => first.body?.[field] !== again.body?.[field])
    ? `first ${wordsOf(first)}, then ${wordsOf(again)}`
    : null;
}

function wordsOf({ status, body }: Answered): string {
  const fields = SAME.filter((field) => body?.[field] !== undefined);
  return [status, ...fields.map((field) => `${field} ${JSON.stringify(body?.[field])}`)].join(' ');
}
