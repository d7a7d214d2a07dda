import type { IncomingMessage } from 'node:http';

/**
 * Whether a handshake may come from this page. Apps send no origin, or that of the service. Without a list every page
 * may connect, as before: it is the token that admits, and no cookie is read.
 */
export function isOriginAllowed(
  { headers: { origin, host } }: Pick<IncomingMessage, 'headers'>,
  listed: readonly string[] | null,
): boolean {
  if (listed === null || origin === undefined || listed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
