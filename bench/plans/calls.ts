import type { Caller } from '../../api/auth/caller';
import type { Endpoint } from '../../api/http/endpoint';
import type { World } from './world';

/**
 * One operation of the service. `next` prepares its input and returns the measured function. `most`: the most
 * repetitions, for expensive operations. `readsAll`: the growing tables (with their partitions) that it may
 * scan, and why.
 */
export type Call = {
  name: string;
  next: () => Promise<() => Promise<unknown>>;
  most?: number;
  readsAll?: { tables: readonly string[]; why: string };
};

export const call = (name: string, ask: () => Promise<unknown>): Call => ({ name, next: async () => ask });

export const callAfter = <T>(
  name: string,
  prepare: () => Promise<T>,
  ask: (ready: T) => Promise<unknown>,
): Call => ({
  name,
  next: async () => {
    const ready = await prepare();
    return () => ask(ready);
  },
});

export const OPS: Caller = { role: 'ops', subject: 'bench', cities: 'all' };
export const opsOf = (...cities: string[]): Caller => ({ role: 'ops', subject: 'bench', cities });
export const driver = (driverId: string): Caller => ({ role: 'driver', subject: driverId, driverId });
export const merchant = (merchantId: string): Caller => ({
  role: 'merchant',
  subject: merchantId,
  merchantId,
});

export type Asked = {
  as?: Caller;
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
};

/** The API's endpoints, called without HTTP. It records which endpoints and query parameters were called. */
export class ApiCaller {
  private readonly asked = new Set<string>();

  constructor(private readonly endpoints: readonly Endpoint[]) {}

  /**
   * @param route as `GET /v2/deliveries/:id`.
   * @throws Problem where it is refused
   */
  async ask(
    route: string,
    { as: caller = OPS, params = {}, query = {}, body = {} }: Asked = {},
  ): Promise<Record<string, unknown>> {
    const endpoint = this.endpoints.find((each) => nameOf(each) === route);
    if (!endpoint) throw new Error(`there is no endpoint ${route}`);
    const { status, body: answer } = await endpoint.answer({
      params,
      query,
      body,
      caller,
      correlationId: 'plans',
      idempotencyKey: null,
      requireSameRequest: async () => undefined,
      spend: () => undefined,
    });
    if (status >= 300) throw new Error(`${route} answered ${status}`);
    for (const each of [route, ...Object.keys(query).map((key) => `${route} ?${key}`)]) this.asked.add(each);
    return typeof answer === 'object' && answer !== null ? { ...answer } : {};
  }

  /** Endpoints and query parameters that were never called. */
  missed(): string[] {
    return this.endpoints
      .flatMap((each) => [
        nameOf(each),
        ...Object.keys(each.query.shape).map((key) => `${nameOf(each)} ?${key}`),
      ])
      .filter((each) => !this.asked.has(each));
  }
}

const nameOf = ({ method, path }: Endpoint): string => `${method.toUpperCase()} ${path}`;

/** @throws Error where the response has no such text */
export function textOf(answer: Record<string, unknown>, field: string): string {
  const value = answer[field];
  if (typeof value !== 'string')
    throw new Error(`${field} is no text in ${JSON.stringify(answer).slice(0, 200)}`);
  return value;
}

export type Site = { world: World; api: ApiCaller };
