import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

/**
 * A notice that arrived at chat or pager. `key`: the alert of the pager; null in a chat. `at`: epoch ms.
 */
export type ReceivedNotice = {
  channel: 'chat' | 'pager';
  what: 'open' | 'resolved';
  key: string | null;
  at: number;
};

/** Takes the place of Slack and PagerDuty, on this machine. */
export type NoticeSink = {
  chatUrl: string;
  pagerUrl: string;
  received: readonly ReceivedNotice[];
  close(): Promise<void>;
};

const PAGE = z.object({ dedup_key: z.string(), event_action: z.string() });
const CHAT = z.object({ text: z.string() });
const PAGER_PATH = '/pager';
const RESOLVED = 'Resolved: ';

export async function startNoticeSink(): Promise<NoticeSink> {
  const received: ReceivedNotice[] = [];
  const server = createServer((request, response) => void take(request, response, received));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${portOf(server.address())}`;
  return {
    chatUrl: `${url}/chat`,
    pagerUrl: `${url}${PAGER_PATH}`,
    received,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  received: ReceivedNotice[],
): Promise<void> {
  const at = Date.now();
  try {
    const body = await json(request);
    received.push({ ...(request.url === PAGER_PATH ? pageOf(body) : chatOf(body)), at });
    response.writeHead(202).end();
  } catch {
    response.writeHead(400).end();
  }
}

function pageOf(body: unknown): Omit<ReceivedNotice, 'at'> {
  const { dedup_key: key, event_action: action } = PAGE.parse(body);
  return { channel: 'pager', what: action === 'resolve' ? 'resolved' : 'open', key };
}

function chatOf(body: unknown): Omit<ReceivedNotice, 'at'> {
  const { text } = CHAT.parse(body);
  return { channel: 'chat', what: text.startsWith(RESOLVED) ? 'resolved' : 'open', key: null };
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string') throw new Error('the notice sink has no port');
  return address.port;
}
