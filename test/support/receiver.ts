import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Received = { method: string; path: string; headers: IncomingHttpHeaders; body: Buffer };
/** `hang`: never answers. */
export type Answer = { status: number; headers?: Record<string, string> } | 'hang';

export type Receiver = {
  url: string;
  received: Received[];
  /** The bodies, as JSON. */
  bodies(): unknown[];
  /** Gives these answers, one a request, and then 200. */
  answer(...answers: Answer[]): void;
  /** Gives this answer from now on. */
  answerAlways(answer: Answer): void;
  /** Forgets what was received and what to answer, and answers whom it let hang. */
  reset(): void;
  close(): Promise<void>;
};

/** A server on this machine that writes down what it is sent, to the byte. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const hanging: ServerResponse[] = [];
  const script: { next: Answer[]; always: Answer } = { next: [], always: { status: 200 } };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.on('end', () => {
      received.push({
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks),
      });
      const answer = script.next.shift() ?? script.always;
      if (answer === 'hang') hanging.push(response);
      else response.writeHead(answer.status, answer.headers).end('what it says');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    bodies: () => received.map(({ body }) => JSON.parse(body.toString('utf8')) as unknown),
    answer: (...answers) => void (script.next = answers),
    answerAlways: (answer) => void (script.always = answer),
    reset: () => {
      received.length = 0;
      hanging.splice(0).forEach((response) => response.end());
      Object.assign(script, { next: [], always: { status: 200 } });
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
    },
  };
}
