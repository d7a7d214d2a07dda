import type { AuthSettings } from '../../settings';

// jose comes as an ES module only; the import is made once.
const jose = import('jose');

/** Whom a token is for. */
export type TokenHolder = { role: 'ops' | 'merchant' | 'driver'; id: string };

/** Makes a token as an identity provider would. */
export type TokenSigner = (holder: TokenHolder) => Promise<string>;

const LIFETIME = '8h';

/** @returns null where tokens come from an issuer: nothing is signed here then */
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
