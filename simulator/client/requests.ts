import { v4 as newKey } from 'uuid';
import type { z } from 'zod';
import type { Outcome, Refused } from './service';

/** Where to send, as whom, and how. */
export type Transport = { apiUrl: string; token: string; send: (request: Request) => Promise<Response> };

/** Sends one request and reads its answer in the form that was promised. `body` null: none. @throws z.ZodError where the answer has another form */
export type Ask = <T extends object>(method: 'GET' | 'POST' | 'PUT', path: string, body: object | null, form: z.ZodType<T>) => Promise<Outcome<T>>;

/** Each request is a wish of its own, under its own key: the retries below it are the same wish. */
export function createAsk({ apiUrl, token, send }: Transport): Ask {
  return async (method, path, body, form) => {
    const headers = { authorization: `Bearer ${token}`, ...(body === null ? {} : { 'content-type': 'application/json', 'idempotency-key': newKey() }) };
    const response = await send(new Request(`${apiUrl}${path}`, { method, headers, body: body && JSON.stringify(body) }));
    const answer: unknown = await response.json().catch(() => null);
    return response.ok ? { ok: true, ...form.parse(answer) } : refused(response, answer);
  };
}

/** A problem body as a refusal; whatever else came says at least its status. */
export function refused({ status }: Response, error: unknown): Refused {
  const problem = typeof error === 'object' && error !== null ? error : {};
  const code = 'code' in problem && typeof problem.code === 'string' ? problem.code : 'NO_PROBLEM';
  const detail = 'detail' in problem && typeof problem.detail === 'string' ? problem.detail : '';
  const errors = 'errors' in problem ? ` ${JSON.stringify(problem.errors)}` : '';
  return { ok: false, status, code, detail: `${detail}${errors}` };
}
