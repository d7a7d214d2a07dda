import type { AuthSettings } from '../../settings';

// jose is an ES module only, so it is imported dynamically, once.
const jose = import('jose');

/** The holder of a token. */
export type TokenHolder = { role: 'ops' | 'merchant' | 'driver'; id: string };

/** Signs a token, in place of an identity provider. */
export type TokenSigner = (holder: TokenHolder) => Promise<string>;

const LIFETIME = '8h';

/** @returns null where an external issuer signs the tokens */
export function createLocalSigner({ keys, issuer, audience }: AuthSettings): TokenSigner | null {
  if (keys.kind === 'jwks') return null;
  const key = new TextEncoder().encode(keys.key);
  return async (holder) => {
    const { SignJWT } = await jose;
    return new SignJWT(claimsOf(holder))
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(holder.id)
      .setIssuedAt()
      .setExpirationTime(LIFETIME)
      .sign(key);
  };
}

function claimsOf({ role, id }: TokenHolder): Record<string, unknown> {
  switch (role) {
    case 'ops':
      return { role, cities: '*' };
    case 'merchant':
      return { role, merchantId: id };
    case 'driver':
      return { role };
  }
}
