/**
 * Names that lead to no push service of the public internet (RFC 6761, 6762, 7686, 8375, and what private
 * networks call themselves).
 */
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
 * Labels of letters, digits and hyphens; the last one begins with a letter, so that no form of an IP address
 * fits.
 */
const PUBLIC_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;

/**
 * Whether a driver may name this address as their push service: we shall call it, so it must not lead into
 * our own network (docs/notifications.md#web-push). Where its name leads to is looked at once more on calling
 * it.
 * @param allowLocal for tests and demo: this machine is taken too, also without TLS
 * @returns what is wrong with it, or null
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
