import {
  type ApiClient,
  type ApiClientOptions,
  createApiClient,
  dataOf,
  ProblemError,
  type Reply,
} from '@driver-service/api-client';
import type { Outcome } from './service';

/** Where to send, as whom, and how. */
export type Transport = ApiClientOptions;

export type Api = ApiClient;

export const open = createApiClient;

/** A refusal becomes a value: simulated people decide by it. */
export function outcome<T, R extends object>(reply: Reply<T>, read: (body: T) => R): Outcome<R> {
  try {
    return { ok: true, ...read(dataOf(reply)) };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { status, code, detail, errors } = error.problem;
    return { ok: false, status, code, detail: errors ? `${detail} ${JSON.stringify(errors)}` : detail };
  }
}

/** The outcome, where a success says nothing that is needed. */
export function done<T>(reply: Reply<T>): Outcome<object> {
  return outcome(reply, () => ({}));
}

export const iso = (at: number): string => new Date(at).toISOString();
