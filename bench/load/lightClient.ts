import type { paths } from '@driver-service/api-client';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { pause } from '../../simulator/kit/pause';

/** The body of a POST, as the API describes it. */
export type BodyOf<P extends keyof paths> = paths[P] extends {
  post: { requestBody?: { content: { 'application/json': infer B } } };
}
  ? B
  : never;

/**
 * Sends a request as one caller.
 * @returns the body of a success
 * @throws Refused for any other answer except 503, which is retried
 */
export type Send = (method: 'POST' | 'GET', path: string, body?: object) => Promise<unknown>;

/** An error response. `code` is the stable problem code. */
export class Refused extends Error {
  override name = 'Refused';
  constructor(
    what: string,
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(`${what}: ${status} ${code} ${detail}`);
  }
}

const PROBLEM = z.object({ code: z.string(), detail: z.string().optional() });
const PATIENCE_MS = 30_000;
const FIRST_WAIT_MS = 100;

/**
 * A client with minimal CPU cost, since its CPU counts in the measurement: connections are kept alive, and
 * responses are not validated. packages/api-client takes five times as much. The bodies have
 * its types.
 */
export class LightClient {
  retries = 0;
  private readonly agent = new Agent({ keepAlive: true });
  private readonly base: URL;

  constructor(apiUrl: string) {
    this.base = new URL(apiUrl);
  }

  as(token: string): Send {
    return async (method, path, body) => {
      const giveUpAt = Date.now() + PATIENCE_MS;
      for (let waitMs = FIRST_WAIT_MS; ; waitMs *= 2) {
        const { status, body: answered } = await this.once(token, method, path, body);
        if (status < 300) return answered;
        if (status !== 503 || Date.now() + waitMs > giveUpAt)
          throw refused(`${method} ${path}`, status, answered);
        this.retries += 1;
        await pause(waitMs);
      }
    };
  }

  close(): void {
    this.agent.destroy();
  }

  private async once(
    token: string,
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; body: unknown }> {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const { hostname, port } = this.base;
    const asked = request({
      agent: this.agent,
      hostname,
      port,
      method,
      path,
      headers: {
        authorization: `Bearer ${token}`,
        ...(sent !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(sent),
        }),
      },
    });
    const answer = await answerOf(asked, sent);
    const answered = await text(answer);
    return { status: answer.statusCode ?? 0, body: answered === '' ? null : JSON.parse(answered) };
  }
}

function answerOf(asked: ClientRequest, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.on('response', resolve).on('error', reject);
    asked.end(body);
  });
}

function refused(what: string, status: number, body: unknown): Refused {
  const problem = PROBLEM.safeParse(body);
  return new Refused(what, status, problem.data?.code ?? 'NO_PROBLEM', problem.data?.detail ?? '');
}
