import { z } from 'zod';
import type { Operation, ReplyRule } from './document';
import type { Sent } from './requests';

/** A response. `lost`: why there was none. Header names are in lower case. */
export type Answer =
  { status: number; headers: Readonly<Record<string, string | undefined>>; text: string } | { lost: string };

/** Data that only some callers may see: a name, an address, an id. */
export type Secret = { text: string; seenBy: ReadonlySet<string> };

const PROBLEM = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  instance: z.string(),
  correlationId: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

/** Problem codes that any unknown path or malformed request may get. */
const NO_OPERATION: readonly string[] = [
  'NO_SUCH_ROUTE',
  'METHOD_NOT_ALLOWED',
  'MALFORMED_REQUEST',
  'UNAUTHENTICATED',
  'TOO_MANY_REQUESTS',
];

/**
 * Checks a response against the documentation and the access rules.
 * @param operation null where the document has no such method and path
 * @returns the violations; empty = none
 */
export function judge({
  operation,
  sent,
  answer,
  secrets,
}: {
  operation: Operation | null;
  sent: Pick<Sent, 'caller'>;
  answer: Answer;
  secrets: readonly Secret[];
}): string[] {
  if ('lost' in answer) return [`no answer: ${answer.lost}`];
  return [
    ...leaks(sent.caller, answer.text, secrets),
    ...(answer.status < 300 ? judgeSuccess(operation, answer) : judgeRefusal(operation, answer)),
  ];
}

type Answered = Exclude<Answer, { lost: string }>;

function leaks(caller: string, text: string, secrets: readonly Secret[]): string[] {
  return secrets
    .filter((secret) => !secret.seenBy.has(caller) && text.includes(secret.text))
    .map((secret) => `${caller} is shown data of another tenant: ${secret.text}`);
}

function judgeSuccess(operation: Operation | null, answer: Answered): string[] {
  if (!operation) return [`${answer.status} for an undocumented operation`];
  const rule = operation.replies.get(answer.status);
  if (!rule) return [`status ${answer.status} is not documented`];
  const contentType = contentTypeOf(answer);
  if (contentType !== rule.contentType)
    return [`the body is ${contentType}, but ${rule.contentType} is documented`];
  return bodyProblems(rule, answer.text);
}

function bodyProblems({ contentType, schema }: ReplyRule, text: string): string[] {
  const body = contentType === 'application/json' ? parsed(text) : { json: text };
  if (!body) return ['the body is not JSON'];
  const checked = schema.safeParse(body.json);
  return checked.success ? [] : [`the body does not match its schema: ${z.prettifyError(checked.error)}`];
}

function judgeRefusal(operation: Operation | null, answer: Answered): string[] {
  if (answer.status >= 500 && answer.status !== 503) return [`status ${answer.status}: a server error`];
  if (contentTypeOf(answer) !== 'application/problem+json')
    return [
      `an error (${answer.status}) that is not a problem document but ${contentTypeOf(answer) || 'has no type'}`,
    ];
  const body = parsed(answer.text);
  const problem = PROBLEM.safeParse(body?.json);
  if (!problem.success) return [`a problem without the required fields: ${z.prettifyError(problem.error)}`];
  const { type, status, code, correlationId } = problem.data;
  return [
    ...(status === answer.status ? [] : [`the problem says ${status}, the answer ${answer.status}`]),
    ...(type === `/problems/${code.toLowerCase().replaceAll('_', '-')}`
      ? []
      : [`the type ${type} does not match the code ${code}`]),
    ...(correlationId === answer.headers['x-correlation-id']
      ? []
      : ['the correlation id differs from the header']),
    ...([503, 429].includes(status) && !(Number(answer.headers['retry-after']) > 0)
      ? [`${status} without Retry-After`]
      : []),
    ...undocumented(operation, status, code),
  ];
}

function undocumented(operation: Operation | null, status: number, code: string): string[] {
  if (!operation) return NO_OPERATION.includes(code) ? [] : [`${code} for an undocumented operation`];
  const rule = operation.replies.get(status);
  if (!rule) return [`status ${status} (${code}) is not documented`];
  return rule.codes.includes(code) ? [] : [`${code} is not documented for status ${status}`];
}

function contentTypeOf({ headers }: Answered): string {
  return headers['content-type']?.split(';', 1)[0] ?? '';
}

/** @returns null where it is not JSON */
function parsed(text: string): { json: unknown } | null {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return null;
  }
}
