import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './apiTypes';
import type { Outcome, Refused } from './service';

/** Where to send, as whom, and how. */
export type Transport = { apiUrl: string; token: string; send: (request: Request) => Promise<Response> };

export type Api = Client<paths>;

/** The API as its own schemas describe it, asked by one caller. */
export function open({ apiUrl, token, send }: Transport): Api {
  return createClient<paths>({ baseUrl: apiUrl, fetch: send, headers: { authorization: `Bearer ${token}` } });
}

/** What openapi-fetch gives: the body of a success, or the problem. */
export type Reply<T> = { data?: T; error?: unknown; response: Response };

export function outcome<T, R extends object>(
  { data, error, response }: Reply<T>,
  read: (body: T) => R,
): Outcome<R> {
  return data === undefined ? refused(response, error) : { ok: true, ...read(data) };
}

/** The outcome, where a success says nothing that is needed. */
export function done<T>(reply: Reply<T>): Outcome<object> {
  return outcome(reply, () => ({}));
}

function refused({ status }: Response, error: unknown): Refused {
  const problem = typeof error === 'object' && error !== null ? error : {};
  const code = 'code' in problem && typeof problem.code === 'string' ? problem.code : 'NO_PROBLEM';
  const detail = 'detail' in problem && typeof problem.detail === 'string' ? problem.detail : '';
  const errors = 'errors' in problem ? ` ${JSON.stringify(problem.errors)}` : '';
  return { ok: false, status, code, detail: `${detail}${errors}` };
}

export const iso = (at: number): string => new Date(at).toISOString();
