import { type AuthSettings, type ClaimSettings, DEFAULT_CLAIMS } from '../../settings';

// jose is an ES module only, so it is imported dynamically, once.
const jose = import('jose');

/** The holder of a token. */
export type TokenHolder = { role: 'ops' | 'merchant' | 'driver'; id: string };

/** Signs a token, in place of an identity provider. */
export type TokenSigner = (holder: TokenHolder) => Promise<string>;

const LIFETIME = '8h';

/** @returns null where an external issuer signs the tokens */
export function createLocalSigner({
  keys,
  issuer,
  audience,
  claims = DEFAULT_CLAIMS,
}: AuthSettings): TokenSigner | null {
  if (keys.kind === 'jwks') return null;
  const key = new TextEncoder().encode(keys.key);
  return async (holder) => {
    const { SignJWT } = await jose;
    return new SignJWT(claimsOf(holder, claims))
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(holder.id)
      .setIssuedAt()
      .setExpirationTime(LIFETIME)
      .sign(key);
  };
}

/** The claims by the names that the reader expects, each at the top. */
function claimsOf({ role, id }: TokenHolder, names: ClaimSettings): Record<string, unknown> {
  const [value = role] = [...(names.roleValues ?? [])]
    .filter(([, means]) => means === role)
    .map(([word]) => word);
  const named = { [names.role]: value };
  switch (role) {
    case 'ops':
      return { ...named, [names.cities]: '*' };
    case 'merchant':
      return { ...named, [names.merchant]: id };
    case 'driver':
      return names.driver === 'sub' ? named : { ...named, [names.driver]: id };
  }
}
