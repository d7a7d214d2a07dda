import { z } from 'zod';
import type { SessionRefreshed } from '../../domain/notices/stateEvents';
import { CLIENT_MESSAGES } from '../../domain/notices/realtimeEvents';
import type { Clock } from '../../services/ports';
import type { Caller } from '../auth/caller';
import { Refusal } from './admission';
import type { Admitted, GatewayDeps, GatewaySocket } from './deps';

/** How long before the end of the token the client is warned; less where less is left. */
const WARN_BEFORE_MS = 60_000;
/** The longest delay of a Node timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Ends a connection with its token. SESSION_EXPIRING comes a minute before, or after half of a shorter time.
 * @returns restarts both, after a new token
 */
export function endAtExpiry(socket: GatewaySocket, clock: Clock): () => void {
  let timer: NodeJS.Timeout;
  const at = (instant: number, act: () => void): void => {
    const leftMs = instant - clock();
    clearTimeout(timer);
    timer = setTimeout(
      () => (clock() >= instant ? act() : at(instant, act)),
      Math.min(MAX_TIMER_MS, Math.max(0, leftMs)),
    );
  };
  const begin = (): void => {
    const { expiresAt } = socket.data.admitted;
    const warnAt = Math.max(expiresAt - WARN_BEFORE_MS, Math.floor((clock() + expiresAt) / 2));
    at(warnAt, () => {
      socket.emit('SESSION_EXPIRING', { expiresAt: new Date(expiresAt).toISOString() });
      at(expiresAt, () => socket.disconnect(true));
    });
  };
  begin();
  socket.on('disconnect', () => clearTimeout(timer));
  return begin;
}

export type SessionDeps = Pick<GatewayDeps, 'log'> & {
  /** Admits the new token as a handshake would. @throws Refusal */
  admit: (token: string) => Promise<Admitted>;
  /** Moves the socket to the rooms of the new token, which may cover other cities. */
  moveTo: (admitted: Admitted) => Promise<void>;
};

const { body: refresh } = CLIENT_MESSAGES.SESSION_REFRESH;
const acknowledge = z.custom<(reply: SessionRefreshed) => void>((value) => typeof value === 'function');

/**
 * Handles SESSION_REFRESH: the connection goes on with a new token of the same subject. A token of anybody else is
 * refused, and the connection keeps its old one.
 */
export function listenForRefresh(socket: GatewaySocket, restart: () => void, deps: SessionDeps): void {
  socket.on('SESSION_REFRESH', (body, ack) => {
    const reply = acknowledge.safeParse(ack).data ?? (() => undefined);
    const given = refresh.safeParse(body);
    if (!given.success) return reply(refused('UNAUTHORIZED'));
    refreshSession(socket, given.data.token, restart, deps).then(reply, (err: unknown) => {
      deps.log.warn({ err }, 'a realtime session could not be refreshed');
      reply(refused('UNAVAILABLE'));
    });
  });
}

async function refreshSession(
  socket: GatewaySocket,
  token: string,
  restart: () => void,
  { admit, moveTo }: SessionDeps,
): Promise<SessionRefreshed> {
  const admitted = await admit(token).catch((error: unknown) => {
    if (error instanceof Refusal) return error;
    throw error;
  });
  if (admitted instanceof Refusal) return refused(codeOf(admitted));
  if (!isSameSubject(socket.data.admitted.caller, admitted.caller)) return refused('OTHER_SUBJECT');
  await moveTo(admitted);
  if (!socket.connected) return refused('UNAUTHORIZED');
  restart();
  return { refreshed: true, expiresAt: new Date(admitted.expiresAt).toISOString(), code: null };
}

const refused = (code: NonNullable<SessionRefreshed['code']>): SessionRefreshed => ({
  refreshed: false,
  expiresAt: null,
  code,
});

/** The cities of ops may change; who they are may not. */
function isSameSubject(before: Caller, now: Caller): boolean {
  if (before.subject !== now.subject) return false;
  switch (before.role) {
    case 'driver':
      return now.role === 'driver' && now.driverId === before.driverId;
    case 'merchant':
      return now.role === 'merchant' && now.merchantId === before.merchantId;
    case 'tracking':
      return now.role === 'tracking' && now.deliveryId === before.deliveryId;
    case 'ops':
    case 'customer':
      return now.role === before.role;
  }
}

function codeOf({ data: { code } }: Refusal): NonNullable<SessionRefreshed['code']> {
  switch (code) {
    case 'FORBIDDEN':
      return 'OTHER_SUBJECT';
    case 'TOO_MANY_CONNECTIONS':
      return code;
    case 'UNAUTHORIZED':
    case 'SUSPENDED':
    case 'TOO_MANY_REQUESTS':
      return 'UNAUTHORIZED';
  }
}
