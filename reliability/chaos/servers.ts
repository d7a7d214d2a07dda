import { z } from 'zod';
import type { ServerName } from './plan';

/**
 * An operation on a server. `forget` deletes its data while it is down. `demote` makes it refuse writes until
 * `promote`. `backUp` keeps a copy of its data, and `restore` puts it back; both restart the server.
 */
export type ServerAct = 'stop' | 'kill' | 'start' | 'forget' | 'demote' | 'promote' | 'backUp' | 'restore';

/** Control over the servers of a run, held by the program that started them. */
export type Servers = {
  /**
   * Resolves when the server is down, or serves again.
   * @throws Error where the operation fails
   */
  act(server: ServerName, act: ServerAct): Promise<void>;
};

/** The IPC channel to the parent program, as `process` provides it. */
export type Channel = {
  send?(message: unknown): unknown;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  connected?: boolean;
};

const ANSWER = z.object({ id: z.number(), error: z.string().optional() });

/** @throws Error where there is no parent to control the servers */
export function serversOf(channel: Channel): Servers {
  if (!channel.send)
    throw new Error('no parent process controls the servers: run this with npm run verify -- chaos');
  const waiting = new Map<number, (error: string | undefined) => void>();
  channel.on('message', (message) => {
    const { id, error } = ANSWER.parse(message);
    waiting.get(id)?.(error);
    waiting.delete(id);
  });
  let last = 0;
  return {
    act: (server, act) =>
      new Promise((resolve, reject) => {
        const id = (last += 1);
        waiting.set(id, (error) =>
          error === undefined ? resolve() : reject(new Error(`${act} of ${server}: ${error}`)),
        );
        channel.send?.({ id, server, act });
      }),
  };
}
