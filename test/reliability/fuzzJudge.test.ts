import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { Operation, ReplyRule } from '../../reliability/fuzz/document';
import { readOperations } from '../../reliability/fuzz/document';
import { type Answer, judge } from '../../reliability/fuzz/judge';
import { idNumber, withIds } from '../../reliability/fuzz/knownIds';
import { curlOf } from '../../reliability/fuzz/send';

const problems = (...codes: string[]): ReplyRule => ({
  contentType: 'application/problem+json',
  codes,
  schema: z.unknown(),
});
const OPERATION: Operation = {
  name: 'get /things/{id}',
  method: 'get',
  path: '/things/{id}',
  params: { id: z.uuid() },
  query: z.object({}),
  takesKey: false,
  roles: [],
  body: null,
  replies: new Map([
    [200, { contentType: 'application/json', codes: [], schema: z.strictObject({ name: z.string() }) }],
    [404, problems('NOT_FOUND')],
    [500, problems('INTERNAL')],
    [503, problems('UNAVAILABLE')],
  ]),
};
const SECRETS = [{ text: 'Secret-Sam', seenBy: new Set(['ops']) }];

const answer = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => ({
  status,
  text: JSON.stringify(body),
  headers: {
    'content-type': status < 400 ? 'application/json; charset=utf-8' : 'application/problem+json',
    'x-correlation-id': 'c1',
    ...headers,
  },
});
const problem = (status: number, code: string, set: object = {}): Record<string, unknown> => ({
  type: `/problems/${code.toLowerCase().replaceAll('_', '-')}`,
  title: 'T',
  status,
  detail: 'd',
  code,
  instance: '/things/1',
  correlationId: 'c1',
  ...set,
});
const broken = (
  given: Answer,
  { operation = OPERATION, caller = 'driver' }: { operation?: Operation | null; caller?: string } = {},
) => judge({ operation, sent: { caller }, answer: given, secrets: SECRETS });

describe('the judge of responses', () => {
  it('accepts documented responses', () => {
    expect(broken(answer(200, { name: 'Kim' }))).toEqual([]);
    expect(broken(answer(404, problem(404, 'NOT_FOUND')))).toEqual([]);
    expect(broken(answer(200, { name: 'Secret-Sam' }), { caller: 'ops' })).toEqual([]);
    expect(broken(answer(503, problem(503, 'UNAVAILABLE'), { 'retry-after': '1' }))).toEqual([]);
    expect(broken(answer(405, problem(405, 'METHOD_NOT_ALLOWED')), { operation: null })).toEqual([]);
  });

  it.each([
    ['a server error, even where 500 is documented', answer(500, problem(500, 'INTERNAL')), /a server error/],
    ['no answer', { lost: 'socket hang up' }, /no answer: socket hang up/],
    ['an undocumented success', answer(204, {}), /status 204 is not documented/],
    [
      'an undocumented refusal',
      answer(409, problem(409, 'OFFER_EXPIRED')),
      /status 409 \(OFFER_EXPIRED\) is not documented/,
    ],
    [
      'a code that is not documented for its status',
      answer(404, problem(404, 'PUSH_OFF')),
      /PUSH_OFF is not documented for status 404/,
    ],
    [
      'an error that is not a problem document',
      answer(404, { error: 'no' }, { 'content-type': 'application/json' }),
      /that is not a problem document but application\/json/,
    ],
    ['a problem without required fields', answer(404, { code: 'NOT_FOUND' }), /without the required fields/],
    [
      'an unknown problem type',
      answer(404, problem(404, 'NOT_FOUND', { type: '/problems/missing' })),
      /does not match the code/,
    ],
    [
      'a status in the body that differs from the response',
      answer(404, problem(400, 'NOT_FOUND')),
      /the problem says 400, the answer 404/,
    ],
    [
      'another correlation id',
      answer(404, problem(404, 'NOT_FOUND', { correlationId: 'c2' })),
      /correlation id/,
    ],
    ['503 without Retry-After', answer(503, problem(503, 'UNAVAILABLE')), /503 without Retry-After/],
    ['a body with an extra field', answer(200, { name: 'Kim', phone: '1' }), /does not match its schema/],
    ['a body with a missing field', answer(200, {}), /does not match its schema/],
    ['a body that is not JSON', { ...answer(200, {}), text: '{' }, /not JSON/],
    [
      'a body of another content type',
      answer(200, { name: 'Kim' }, { 'content-type': 'text/html' }),
      /text\/html/,
    ],
    [
      'data of another tenant in a success',
      answer(200, { name: 'Secret-Sam' }),
      /driver is shown data of another tenant/,
    ],
    [
      'data of another tenant in an error',
      answer(404, problem(404, 'NOT_FOUND', { detail: 'of Secret-Sam' })),
      /driver is shown data of another tenant/,
    ],
  ] as [string, Answer, RegExp][])('finds %s', (_what, given, words) => {
    expect(broken(given).join()).toMatch(words);
  });

  it('reports a success of an undocumented operation', () => {
    expect(broken(answer(200, {}), { operation: null }).join()).toMatch(/undocumented operation/);
  });
});

describe('a fuzz request', () => {
  it('has current ids in place of placeholders', () => {
    expect(withIds(`/things/${idNumber(1)}?after=${idNumber(7)}`, { ids: ['a', 'b'], cursor: 'c' })).toBe(
      `/things/b?after=${idNumber(7)}`,
    );
  });

  it('is printed as a curl command that a shell sends unchanged', () => {
    expect(
      curlOf({
        method: 'POST',
        url: 'http://127.0.0.1:1/a',
        headers: { a: "it's", b: '' },
        body: 'é\u0000\n',
      }),
    ).toBe(
      `curl -i --path-as-is -g -X POST 'http://127.0.0.1:1/a' -H 'a: it'\\''s' -H 'b;' ` +
        `--data-binary $'\\xc3\\xa9\\x00\\x0a'`,
    );
  });
});

describe('the OpenAPI document', () => {
  it('is read with its schemas and codes', () => {
    const schemas = {
      Thing: {
        type: 'object',
        properties: { name: { type: 'string' } },
        required: ['name'],
        additionalProperties: false,
      },
    };
    const responses = {
      200: {
        description: 'It',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
      },
      404: { description: 'NOT_FOUND, PUSH_OFF', content: { 'application/problem+json': { schema: {} } } },
    };
    const [operation] = readOperations(
      JSON.stringify({ paths: { '/things': { get: { responses } } }, components: { schemas } }),
    );
    expect(operation?.replies.get(404)?.codes).toEqual(['NOT_FOUND', 'PUSH_OFF']);
    expect(operation?.replies.get(200)?.schema.safeParse({ name: 'Kim' }).success).toBe(true);
    expect(operation?.replies.get(200)?.schema.safeParse({ name: 'Kim', more: 1 }).success).toBe(false);
  });
});
