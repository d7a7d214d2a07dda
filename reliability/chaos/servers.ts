import { z } from 'zod';
import type { ServerName } from './plan';

/** What may be done to a server: `forget` takes away what it keeps, while it is down. */
export type ServerAct = 'stop' | 'kill' | 'start' | 'forget';

/** The servers of a run, in the hands of whoever started them. */
export type Servers = {
  /** Resolves when it is done: gone for good, or serving again. @throws Error where it cannot be done */
  act(server: ServerName, act: ServerAct): Promise<void>;
};

/** The channel to whoever started this program, as `process` has it. */
export type Channel = {
  send?(message: unknown): unknown;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  connected?: boolean;
};

const ANSWER = z.object({ id: z.number(), error: z.string().optional() });

/** @throws Error where nobody holds the other end */
export function serversOf(channel: Channel): Servers {
  if (!channel.send) throw new Error('nobody holds the servers: run it by npm run verify -- chaos');
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
