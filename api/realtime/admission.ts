import { z } from 'zod';
import { type Caller, suspendableOf } from '../auth/caller';
import type { Admitted, GatewayDeps, GatewayLimits, GatewayServer, GatewaySocket } from './deps';
import { TokenError, tokenEndsAt, type TokenReader } from '../auth/tokens';
import { clientAddress } from '../http/addresses';
import { Problem } from '../http/problems';

/** Why a handshake was refused. The client reads it from `data` of its connect_error and must not retry. */
export type RefusalCode =
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'SUSPENDED'
  | 'TOO_MANY_CONNECTIONS'
  /** The client may try again after `retryAfterSeconds`. */
  | 'TOO_MANY_REQUESTS';

export class Refusal extends Error {
  override name = 'Refusal';
  readonly data: { code: RefusalCode; detail: string; retryAfterSeconds?: number };

  constructor(code: RefusalCode, detail: string, retryAfterSeconds?: number) {
    super(code);
    this.data = retryAfterSeconds === undefined ? { code, detail } : { code, detail, retryAfterSeconds };
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
  const admitted = await admitToken(io, socket, deps, limits).catch((error: unknown) =>
    throttled(error, socket, deps),
  );
  await spendHandshake(admitted.caller, deps);
  socket.data.admitted = admitted;
}

/** Counts a handshake without a valid token by its address, and holds back the refusal beyond the limit. */
async function throttled(error: unknown, socket: GatewaySocket, deps: GatewayDeps): Promise<never> {
  if (!(error instanceof Refusal) || error.data.code !== 'UNAUTHORIZED') throw error;
  const overForSeconds = (await deps.rateLimits?.spendBadToken(addressOf(socket, deps))) ?? 0;
  if (overForSeconds === 0) throw error;
  await deps.throttle?.();
  throw new Refusal('UNAUTHORIZED', error.data.detail, overForSeconds);
}

function addressOf(
  { handshake: { address, headers } }: GatewaySocket,
  { trustedProxies }: GatewayDeps,
): string {
  const forwarded = headers['x-forwarded-for'];
  return clientAddress(
    address,
    Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    trustedProxies ?? 0,
  );
}

/** @throws Refusal where this subject connects too often */
async function spendHandshake(caller: Caller, { rateLimits }: GatewayDeps): Promise<void> {
  try {
    await rateLimits?.spend(caller, 'handshake');
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'TOO_MANY_REQUESTS') throw error;
    throw new Refusal('TOO_MANY_REQUESTS', error.detail, Number(error.headers['Retry-After']));
  }
}

async function admitToken(
  io: GatewayServer,
  { handshake: { auth } }: GatewaySocket,
  deps: GatewayDeps,
  { connectionsPerSubject }: GatewayLimits,
): Promise<Admitted> {
  const admitted = await admittedBy(tokenOf(auth), deps);
  if (hasTooMany(io, admitted, connectionsPerSubject))
    throw new Refusal(
      'TOO_MANY_CONNECTIONS',
      `a subject may have at most ${connectionsPerSubject} connections at once`,
    );
  return admitted;
}

/**
 * Who holds this token, and until when. A connection may present another one later (session.ts).
 * @throws Refusal, or any other error if the token could not be checked
 */
export async function admittedBy(
  token: string,
  { readToken, clock, maxTokenAgeMs, suspended }: GatewayDeps,
): Promise<Admitted> {
  const caller = await read(readToken, token);
  if (caller.role === 'customer') throw new Refusal('FORBIDDEN', 'this role receives no events');
  const subject = suspendableOf(caller);
  if (subject !== null && suspended?.has(subject) === true)
    throw new Refusal('SUSPENDED', `ops have suspended this ${subject.kind}`);
  const expiresAt = tokenEndsAt(token, maxTokenAgeMs);
  if (expiresAt <= clock()) throw new Refusal('UNAUTHORIZED', 'the token has expired');
  return { caller, token, expiresAt };
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

/** A local room that counts the sockets of a subject, whatever their tokens; nothing is sent to it. */
export function subjectRoom({ caller }: Pick<Admitted, 'caller'>): string {
  return `subject:${caller.role}:${caller.subject}`;
}

/** Whether this subject has `limit` or more open sockets. */
export function hasTooMany(io: GatewayServer, admitted: Admitted, limit: number): boolean {
  return (io.of('/').adapter.rooms.get(subjectRoom(admitted))?.size ?? 0) >= limit;
}
