import { randomBytes } from 'node:crypto';
import type { Login, TokenSettings } from '../../simulator/client/tokens';
import { createLogin } from '../../simulator/client/tokens';
import type { CallerKind } from './tenants';

// jose is an ES module only; it is imported once.
const jose = import('jose');

/** The token of each caller; null where they send none. */
export async function tokenOf(
  caller: CallerKind,
  login: Login,
  settings: TokenSettings,
): Promise<string | null> {
  switch (caller.role) {
    case 'driver':
      return login(caller);
    case 'merchant':
      return login(caller);
    case 'ops':
      return login(caller);
    case 'nobody':
      return tokenOfNobody(caller.token, settings);
  }
}

async function tokenOfNobody(
  kind: Extract<CallerKind, { role: 'nobody' }>['token'],
  settings: TokenSettings,
): Promise<string | null> {
  switch (kind) {
    case 'none':
      return null;
    case 'garbage':
      return 'eyJhbGciOiJub25lIn0.eyJyb2xlIjoib3BzIiwic3ViIjoib2xnYSIsImNpdGllcyI6IioifQ.';
    case 'foreign':
      return createLogin({ ...settings, localKey: randomBytes(32).toString('hex') })({
        role: 'ops',
        name: 'foreign',
        cities: '*',
      });
    case 'expired':
      return signed(settings, { role: 'ops', cities: '*' }, '-1h');
    case 'customer':
      return signed(settings, { role: 'customer' }, '1h');
  }
}

async function signed(
  { localKey, issuer, audience }: TokenSettings,
  claims: Record<string, unknown>,
  until: string,
): Promise<string> {
  const { SignJWT } = await jose;
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject('nobody')
    .setExpirationTime(until)
    .sign(new TextEncoder().encode(localKey));
}
