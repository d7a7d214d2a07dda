import type { components } from './generated/api.ts';

/** Problem details (RFC 9457). `type` and `code` are stable; the other texts are for people. */
export type Problem = components['schemas']['Problem'];
/** The codes of this version of the service; later versions may add codes. */
export type ProblemCode = components['schemas']['ProblemCode'];

/** The service refused the request. The same request would be refused again. */
export class ProblemError extends Error {
  override name = 'ProblemError';

  constructor(readonly problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.detail}`);
  }

  get status(): number {
    return this.problem.status;
  }

  get code(): ProblemCode {
    return this.problem.code;
  }

  /** The stable type, such as `/problems/offer-expired`. */
  get type(): string {
    return this.problem.type;
  }
}

/**
 * No response arrived within `retryForMs`, or the request was aborted. The service may have carried it out, so
 * repeat it only with the same key. `problem`: the last problem from the service, if any.
 */
export class ServiceUnavailableError extends Error {
  override name = 'ServiceUnavailableError';

  constructor(
    message: string,
    readonly problem: Problem | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The response is not from the service, but for example from a proxy. */
export class UnexpectedAnswerError extends Error {
  override name = 'UnexpectedAnswerError';

  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {
    super(`the response with status ${status} is not from the service`);
  }
}

/** Reads a problem from a body; null if it is not one. */
export function problemIn(body: unknown): Problem | null {
  return isProblem(body) ? body : null;
}

function isProblem(body: unknown): body is Problem {
  if (typeof body !== 'object' || body === null) return false;
  const texts: readonly unknown[] = [
    'type' in body && body.type,
    'code' in body && body.code,
    'title' in body && body.title,
    'detail' in body && body.detail,
  ];
  return (
    texts.every((text) => typeof text === 'string') && 'status' in body && typeof body.status === 'number'
  );
}
