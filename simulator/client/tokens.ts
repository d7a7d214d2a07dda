// jose comes as an ES module only; the import is made once.
const jose = import('jose');

/** Whom a token is for. `cities` '*' = all. */
export type Holder =
  | { role: 'driver'; driverId: string }
  | { role: 'ops'; name: string; cities: '*' | readonly string[] }
  | { role: 'merchant'; merchantId: string };

/** How tokens of the demo are signed: by the local key that the API trusts. */
export type TokenSettings = { localKey: string; issuer: string; audience: string };

/** Logs in: makes a token as an identity provider would. */
export type Login = (holder: Holder) => Promise<string>;

const LIFETIME = '24h';

export function createLogin({ localKey, issuer, audience }: TokenSettings): Login {
  const key = new TextEncoder().encode(localKey);
  return async (holder) => {
    const { SignJWT } = await jose;
    return new SignJWT(claimsOf(holder))
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(subjectOf(holder))
      .setIssuedAt()
      .setExpirationTime(LIFETIME)
      .sign(key);
  };
}

function subjectOf(holder: Holder): string {
  switch (holder.role) {
    case 'driver':
      return holder.driverId;
    case 'ops':
      return holder.name;
    case 'merchant':
      return holder.merchantId;
  }
}

function claimsOf(holder: Holder): Record<string, unknown> {
  switch (holder.role) {
    case 'driver':
      return { role: 'driver' };
    case 'ops':
      return { role: 'ops', cities: holder.cities };
    case 'merchant':
      return { role: 'merchant', merchantId: holder.merchantId };
  }
}
