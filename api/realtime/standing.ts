import { suspendableOf } from '../auth/caller';
import { TokenError } from '../auth/tokens';
import type { SuspensionSubject } from '../../domain/driver/suspension';
import type { GatewayDeps, GatewayServer, GatewaySocket } from './deps';

/** How often the tokens of open sockets are verified again: a key that the issuer withdraws ends them too. */
export const RECHECK_MS = 15_000;
/** How many sockets are checked before others have their turn. */
const CHECKED_AT_ONCE = 200;

/**
 * Ends the sockets of this process whose holders may no longer be here: who is suspended, and whose token no longer
 * holds. Each process does so for its own.
 * @returns ends the checks
 */
export function endLostStanding(io: GatewayServer, deps: GatewayDeps): () => void {
  const sockets = (): GatewaySocket[] => [...io.of('/').sockets.values()];
  const stopListening = deps.suspended?.onSuspended((subject) => {
    for (const socket of sockets()) if (isOf(socket, subject)) socket.disconnect(true);
  });
  const timer = setInterval(() => void recheck(sockets(), deps), deps.recheckMs ?? RECHECK_MS);
  return () => {
    clearInterval(timer);
    stopListening?.();
  };
}

/** Whether ops have suspended whoever holds this socket. */
export function isSuspended(socket: GatewaySocket, { suspended }: Pick<GatewayDeps, 'suspended'>): boolean {
  const subject = suspendableOf(socket.data.admitted.caller);
  return subject !== null && suspended?.has(subject) === true;
}

function isOf(socket: GatewaySocket, { kind, id }: SuspensionSubject): boolean {
  const theirs = suspendableOf(socket.data.admitted.caller);
  return theirs?.kind === kind && theirs.id === id;
}

async function recheck(sockets: readonly GatewaySocket[], deps: GatewayDeps): Promise<void> {
  for (let first = 0; first < sockets.length; first += CHECKED_AT_ONCE) {
    await Promise.all(sockets.slice(first, first + CHECKED_AT_ONCE).map((socket) => check(socket, deps)));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function check(socket: GatewaySocket, { readToken, log }: GatewayDeps): Promise<void> {
  const { token } = socket.data.admitted;
  try {
    await readToken(token);
  } catch (err) {
    // While the keys of the issuer are not known, nobody is put out.
    if (!(err instanceof TokenError))
      return log.warn({ err }, 'the token of a socket could not be verified again');
    // It may have got another token meanwhile.
    if (socket.data.admitted.token === token) socket.disconnect(true);
  }
}
