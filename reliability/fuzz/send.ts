import { Agent, request } from 'node:http';
import { pause } from '../../simulator/kit/pause';
import type { Answer } from './judge';

/** A request with ids and token filled in, ready to send. */
export type Prepared = {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string | null;
};

const ANSWER_MS = 20_000;
/** The number of attempts when the service answers 503. */
const TRIES = 6;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/**
 * The response, after retries on 503 as Retry-After asks. Paths are sent unchanged; `fetch` would normalise
 * them.
 */
export async function ask(prepared: Prepared): Promise<Answer> {
  for (let left = TRIES; ; left -= 1) {
    const answer = await askOnce(prepared);
    const isToRepeat =
      'status' in answer && answer.status === 503 && Number(answer.headers['retry-after']) > 0;
    if (!isToRepeat || left === 0)
      return isToRepeat ? { lost: `503 with Retry-After, ${TRIES + 1} times: ${answer.text}` } : answer;
    await pause(Number(answer.headers['retry-after']) * 1_000);
  }
}

function askOnce({ method, url, headers, body }: Prepared): Promise<Answer> {
  return new Promise((resolve) => {
    const { hostname, port, origin } = new URL(url);
    const bytes = body === null ? null : Buffer.from(body);
    const length = bytes === null || 'transfer-encoding' in headers ? {} : { 'content-length': bytes.length };
    const asked = request(
      {
        agent,
        hostname,
        port,
        method,
        path: url.slice(origin.length),
        headers: { ...headers, ...length },
        timeout: ANSWER_MS,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: textsOf(response.headers),
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
        response.on('error', (error) => resolve({ lost: error.message }));
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`no response within ${ANSWER_MS / 1_000} s`)));
    asked.on('error', (error) => resolve({ lost: error.message }));
    asked.end(bytes ?? undefined);
  });
}

function textsOf(headers: NodeJS.Dict<string | string[]>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

/** The request as a curl command. */
export function curlOf({ method, url, headers, body }: Prepared): string {
  const quoted = (text: string): string =>
    /^[ -~]*$/.test(text)
      ? `'${text.replaceAll("'", `'\\''`)}'`
      : `$'${[...Buffer.from(text)].map(escaped).join('')}'`;
  const given = Object.entries(headers).map(
    ([name, value]) => `-H ${quoted(value === '' ? `${name};` : `${name}: ${value}`)}`,
  );
  return [
    'curl -i --path-as-is -g',
    `-X ${method}`,
    quoted(url),
    ...given,
    ...(body === null ? [] : [`--data-binary ${quoted(body)}`]),
  ].join(' ');
}

function escaped(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[ -&(-[\]-~]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, '0')}`;
}
