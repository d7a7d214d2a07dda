import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Caller } from '../auth/caller';
import type { Admitted, GatewayDeps, GatewayLimits, GatewayServer, GatewaySocket } from './deps';
import { TokenError, type TokenReader } from '../auth/tokens';

/** Why a handshake was refused. The client reads it from `data` of its connect_error and must not retry. */
export type RefusalCode = 'UNAUTHORIZED' | 'FORBIDDEN' | 'TOO_MANY_CONNECTIONS';

export class Refusal extends Error {
  override name = 'Refusal';
  readonly data: { code: RefusalCode; detail: string };

  constructor(code: RefusalCode, detail: string) {
    super(code);
    this.data = { code, detail };
  }
}

/**
 * Authenticates a socket by the token of its handshake and stores the caller on the socket.
 * @throws Refusal, or any other error if the token could not be checked
 */
export async function admit(
  io: GatewayServer,
  socket: GatewaySocket,
  deps: GatewayDeps,
  limits: GatewayLimits,
): Promise<void> {
  socket.data.admitted = await admitToken(io, tokenOf(socket.handshake.auth), deps, limits);
}

/**
 * Who holds this token, and until when. A connection may present another one later (session.ts).
 * @throws Refusal, or any other error if the token could not be checked
 */
export async function admitToken(
  io: GatewayServer,
  token: string,
  { readToken, clock }: GatewayDeps,
  { connectionsPerToken }: GatewayLimits,
): Promise<Admitted> {
  const caller = await read(readToken, token);
  if (caller.role === 'customer') throw new Refusal('FORBIDDEN', 'this role receives no events');
  const expiresAt = expiryOf(token);
  if (expiresAt <= clock()) throw new Refusal('UNAUTHORIZED', 'the token has expired');
  const tokenHash = createHash('sha256').update(token).digest('base64url');
  if (hasTooMany(io, tokenHash, connectionsPerToken))
    throw new Refusal(
      'TOO_MANY_CONNECTIONS',
      `a token may have at most ${connectionsPerToken} connections at once`,
    );
  return { caller, tokenHash, expiresAt };
}

async function read(readToken: TokenReader, token: string): Promise<Caller> {
  try {
    return await readToken(token);
  } catch (error) {
    throw error instanceof TokenError ? new Refusal('UNAUTHORIZED', error.message) : error;
  }
}

const handshake = z.object({ token: z.string().min(1).max(8_192) });

function tokenOf(auth: unknown): string {
  const { data } = handshake.safeParse(auth);
  if (!data) throw new Refusal('UNAUTHORIZED', 'the handshake must carry auth.token');
  return data.token;
}

const claims = z.object({ exp: z.number() });

/** Expects a verified token. Rejects a token without an expiry. */
function expiryOf(token: string): number {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
  return claims.parse(JSON.parse(payload)).exp * 1_000;
}

/** A local room that counts the sockets of a token; nothing is sent to it. */
export const tokenRoom = (tokenHash: string): string => `token:${tokenHash}`;

/** Whether this token has `limit` or more open sockets. */
export function hasTooMany(io: GatewayServer, tokenHash: string, limit: number): boolean {
  return (io.of('/').adapter.rooms.get(tokenRoom(tokenHash))?.size ?? 0) >= limit;
}
