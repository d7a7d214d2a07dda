import { type Suspension, type SuspensionSubject } from '../domain/driver/suspension';
import { type Log } from './ports';

/**
 * Who is suspended, in the memory of this process: every request and handshake asks. What another process suspends
 * is known here within a second.
 */
export interface SuspendedSubjects {
  has(subject: SuspensionSubject): boolean;
  /** Reads again at once; a reader that is busy reads once more. Never rejects. */
  refresh(): Promise<void>;
  /** Calls the listener with each subject that has become suspended. @returns the unsubscribe function */
  onSuspended(listener: (subject: SuspensionSubject) => void): () => void;
  /** Waits for the first read, then keeps reading. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export type SuspendedDeps = {
  read: () => Promise<readonly Suspension[]>;
  log: Pick<Log, 'info' | 'warn'>;
  pollMs?: number;
};

const POLL_MS = 1_000;

const keyOf = ({ kind, id }: SuspensionSubject): string => `${kind}/${id}`;

/** While PostgreSQL is away, the last known suspensions hold. */
export function createSuspendedSubjects({ read, log, pollMs = POLL_MS }: SuspendedDeps): SuspendedSubjects {
  let known = new Set<string>();
  let isAway = false;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const listeners = new Set<(subject: SuspensionSubject) => void>();

  const accept = (open: readonly Suspension[]): void => {
    const before = known;
    known = new Set(open.map(({ subject }) => keyOf(subject)));
    for (const { subject } of open)
      if (!before.has(keyOf(subject))) for (const listener of listeners) listener(subject);
  };
  const readOnce = async (): Promise<boolean> => {
    try {
      accept(await read());
      if (isAway) log.info({}, 'suspensions can be read again');
      isAway = false;
    } catch (err) {
      if (!isAway) log.warn({ err }, 'suspensions cannot be read; the last known ones hold');
      isAway = true;
    }
    return !isAway;
  };
  let running: Promise<boolean> | null = null;
  let next: Promise<boolean> | null = null;
  const begin = (): Promise<boolean> => {
    next = null;
    running = readOnce().finally(() => (running = null));
    return running;
  };
  /** Shares no read that began before the call: it may not have the change that the caller wrote. */
  const refresh = (): Promise<boolean> => (running === null ? begin() : (next ??= running.then(begin)));
  const pollLater = (): void => {
    timer = setTimeout(() => void refresh().then(() => isStopped || pollLater()), pollMs);
  };
  return {
    has: (subject) => known.has(keyOf(subject)),
    refresh: async () => void (await refresh()),
    onSuspended: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    start: async () => {
      // Nobody is let in before it is known who must stay out.
      while (!(await refresh()) && !isStopped) await new Promise((resolve) => setTimeout(resolve, pollMs));
      if (!isStopped) pollLater();
    },
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await (next ?? running);
    },
  };
}
