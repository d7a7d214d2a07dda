import type { DoneFault } from './faults';

/** When the service was seen to work, from outside; epoch ms. */
export type RecoverySigns = { offersAt: readonly number[]; acceptsAt: readonly number[] };

/**
 * By kind of fault: how often it was injected, and the longest recovery time in ms. Recovery is the time from
 * the end of the fault until a new offer has reached a driver and an accept has been acknowledged. null = the
 * service did not recover.
 */
export type Recoveries = Record<string, { times: number; worstMs: number | null }>;

export function recoveriesOf(done: readonly DoneFault[], signs: RecoverySigns): Recoveries {
  const found: Recoveries = {};
  for (const { name, kind, endedAt } of done) {
    if (kind === 'burst') continue;
    const took = recoveryMs(endedAt, signs);
    const before = found[name];
    const worstMs = took === null || before?.worstMs === null ? null : Math.max(took, before?.worstMs ?? 0);
    found[name] = { times: (before?.times ?? 0) + 1, worstMs };
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => a.localeCompare(b)));
}

function recoveryMs(endedAt: number, { offersAt, acceptsAt }: RecoverySigns): number | null {
  const [offer, accept] = [offersAt, acceptsAt].map((times) =>
    Math.min(...times.filter((at) => at >= endedAt)),
  );
  const at = Math.max(offer ?? Infinity, accept ?? Infinity);
  return Number.isFinite(at) ? at - endedAt : null;
}

/**
 * Observes responses: when accepts were acknowledged, and which requests were answered 500. A 500 leaves the
 * outcome unknown.
 */
export class AnswerWatch {
  readonly acceptsAt: number[] = [];
  readonly faults: string[] = [];

  constructor(private readonly sendOnce: (request: Request) => Promise<Response> = fetch) {}

  readonly send = async (request: Request): Promise<Response> => {
    const answer = await this.sendOnce(request);
    const { pathname } = new URL(request.url);
    if (answer.ok && ACCEPT.test(pathname)) this.acceptsAt.push(Date.now());
    if (answer.status === 500)
      this.faults.push(`${request.method} ${pathname} at ${new Date().toISOString()}`);
    return answer;
  };
}

const ACCEPT = /^\/v2\/offers\/[^/]+\/accept$/;
