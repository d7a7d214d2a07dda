import fc from 'fast-check';
import type { Operation } from './document';
import { type Answer, judge, type Secret } from './judge';
import { withIds } from './knownIds';
import { type Asking, type Names, requestsTo, type Sent } from './requests';
import { ask, curlOf, type Prepared } from './send';

/** The environment of a run; ids and cursor are the current ones. */
export type FuzzDeps = {
  apiUrl: string;
  callers: readonly (Asking & { token: string | null })[];
  names: Names;
  secrets: readonly Secret[];
  known: { ids: readonly string[]; cursor: string };
  figures: HttpFigures;
};

export type HttpFigures = {
  requests: number;
  byStatus: Record<string, number>;
  byCode: Record<string, number>;
  succeeded: Set<string>;
  refused: Set<string>;
};

/** The first violation, with the smallest request that causes it. */
export type FailingRequest = {
  operation: string;
  rules: string[];
  caller: string;
  curl: string;
  seed: number;
  path: string | null;
};

/**
 * Sends this many requests to one operation.
 * @returns null where there was no violation
 */
export async function fuzzOperation(
  deps: FuzzDeps,
  operation: Operation,
  { seed, times, until }: { seed: number; times: number; until: number },
): Promise<FailingRequest | null> {
  let last: { rules: string[]; sent: Sent; curl: string } | null = null;
  const property = fc.asyncProperty(requestsTo(operation, deps), async (sent) => {
    if (Date.now() > until) return true;
    const { rules, curl } = await sendAndJudge(deps, operation, sent);
    if (rules.length > 0) last = { rules, sent, curl };
    return rules.length === 0;
  });
  const { failed, counterexamplePath } = await fc.check(property, { seed, numRuns: times, verbose: 0 });
  const smallest = last as { rules: string[]; sent: Sent; curl: string } | null;
  if (!failed || !smallest) return null;
  return {
    operation: operation.name,
    rules: smallest.rules,
    caller: smallest.sent.caller,
    curl: smallest.curl,
    seed,
    path: counterexamplePath,
  };
}

async function sendAndJudge(
  deps: FuzzDeps,
  operation: Operation,
  sent: Sent,
): Promise<{ rules: string[]; curl: string }> {
  const prepared = prepare(deps, sent);
  const answers = await Promise.all(Array.from({ length: sent.times }, () => ask(prepared)));
  for (const answer of answers) note(deps, operation, answer);
  const rules = answers.flatMap((answer) =>
    judge({ operation: sent.isOdd ? null : operation, sent, answer, secrets: deps.secrets }),
  );
  return { rules, curl: curlOf(prepared) };
}

function prepare(
  { apiUrl, callers, known }: FuzzDeps,
  { caller, method, path, headers, body }: Sent,
): Prepared {
  const token = callers.find(({ name }) => name === caller)?.token ?? null;
  const said = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, sendable(value)]));
  return {
    method,
    url: `${apiUrl}${withIds(path, known)}`,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...said },
    body: body === null ? null : withIds(body, known),
  };
}

/** Node's HTTP client sends only Latin-1 bytes in headers. */
function sendable(value: string): string {
  return value.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '');
}

function note({ figures, known }: FuzzDeps, operation: Operation, answer: Answer): void {
  figures.requests += 1;
  if ('lost' in answer) return;
  figures.byStatus[answer.status] = (figures.byStatus[answer.status] ?? 0) + 1;
  (answer.status < 300 ? figures.succeeded : figures.refused).add(operation.name);
  const [, cursor] = /"nextCursor":"([^"]+)"/.exec(answer.text) ?? [];
  if (cursor !== undefined) known.cursor = cursor;
  const [, code] = /"code":"([A-Z_]+)"/.exec(answer.text) ?? [];
  if (answer.status >= 400 && code !== undefined) figures.byCode[code] = (figures.byCode[code] ?? 0) + 1;
}
