import type { components } from './generated/api.ts';

/** The body of a refusal (RFC 9457). `type` and `code` are stable; the rest is for people. */
export type Problem = components['schemas']['Problem'];
/** Every code that this version of the service knows; a later one may add others. */
export type ProblemCode = components['schemas']['ProblemCode'];

/** The service refused: the same request would be refused again. */
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

  /** The stable type, as `/problems/offer-expired`. */
  get type(): string {
    return this.problem.type;
  }
}

/**
 * No answer came for as long as the client was willing to try, or the request was called off. It may have been
 * carried out: repeating it with the same key is safe. `problem` is what the service said last, if anything.
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

/** Something else answered, such as a proxy. */
export class UnexpectedAnswerError extends Error {
  override name = 'UnexpectedAnswerError';

  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {
    super(`the answer ${status} is not one of the service`);
  }
}

/** What a body says, where it is a problem. */
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
