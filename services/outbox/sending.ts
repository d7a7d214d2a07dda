import { type Message } from '../../domain/notices/message';
import { type Enqueued } from '../../adapters/postgres/outbox';
import { type Fresh, type Log } from '../ports';

/** What the relay needs of the outbox table; see adapters/postgres/outbox.ts. */
export interface Outbox {
  takeDue(limit: number): Promise<Enqueued[]>;
  markSent(ids: readonly bigint[]): Promise<void>;
  /** @param minDelayMs it is not due earlier */
  putBack(message: Enqueued, error: string, minDelayMs?: number): Promise<void>;
}

/** `fresh` comes with messages that are sent right after their commit (ADR 54). */
export type MessageHandler = (message: Message, correlationId: string, fresh?: Fresh) => Promise<void>;

/** A receiver asked for a delay before the next attempt. */
export class NotBefore extends Error {
  override name = 'NotBefore';

  constructor(
    message: string,
    readonly delayMs: number,
  ) {
    super(message);
  }
}

/** One attempt at a message of the outbox, and what follows when it fails. */
export class Sending {
  constructor(
    private readonly outbox: Pick<Outbox, 'putBack'>,
    private readonly handle: MessageHandler,
    private readonly log: Pick<Log, 'warn'>,
  ) {}

  /** @returns what went wrong, or null */
  async attempt(each: Enqueued, fresh?: Fresh): Promise<Error | null> {
    try {
      await this.handle(each.message, each.correlationId, fresh);
      return null;
    } catch (error) {
      this.log.warn(
        {
          err: error,
          outboxId: String(each.id),
          kind: each.message.kind,
          correlationId: each.correlationId,
          attempts: each.attempts,
        },
        'message not sent; trying again',
      );
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** The message is due again after a delay that grows with its attempts, or that its receiver asked for. */
  putBack(each: Enqueued, failure: Error): Promise<void> {
    return this.outbox.putBack(
      each,
      failure.message,
      failure instanceof NotBefore ? failure.delayMs : undefined,
    );
  }
}

/** Why a client event is put back untried. */
export const heldBack = (): Error => new Error('waits for an earlier one');
