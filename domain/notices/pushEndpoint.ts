/** Domains that are not on the public internet (RFC 6761, 6762, 7686, 8375, and common private names). */
const PRIVATE_ENDINGS = [
  'localhost',
  'local',
  'internal',
  'intranet',
  'lan',
  'home',
  'corp',
  'private',
  'home.arpa',
  'test',
  'invalid',
  'example',
  'onion',
  'alt',
];

/**
 * Labels of letters, digits and hyphens. The last label begins with a letter, which excludes IP addresses in
 * every form.
 */
const PUBLIC_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;

/**
 * Validates a push endpoint. The service sends requests to it, so it must not point into the private network
 * (docs/notifications.md#web-push). Its resolved addresses are checked again before each request.
 * @param allowLocal also allows this machine and plain HTTP, for tests and the demo
 * @returns the problem, or null
 */
export function pushEndpointProblem(
  endpoint: string,
  { allowLocal }: { allowLocal: boolean },
): string | null {
  if (!URL.canParse(endpoint)) return 'must be an address';
  const { protocol, hostname, port, username, password } = new URL(endpoint);
  if (username !== '' || password !== '') return 'must not hold a name or password';
  if (allowLocal && isLocalPush(endpoint)) return null;
  if (protocol !== 'https:') return 'must begin with https://';
  if (port !== '') return 'must use the port of https';
  if (!PUBLIC_NAME.test(hostname) || hostname.length > 253) return 'must have a public host name';
  return PRIVATE_ENDINGS.some((ending) => hostname.endsWith(`.${ending}`))
    ? 'must have a public host name'
    : null;
}

/** @param endpoint an address */
export function isLocalPush(endpoint: string): boolean {
  const { protocol, hostname } = new URL(endpoint);
  return ['http:', 'https:'].includes(protocol) && ['127.0.0.1', 'localhost'].includes(hostname);
}
