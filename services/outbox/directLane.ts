import { type Message } from '../../domain/notices/message';
import { type Enqueued, LEASE_MS } from '../../adapters/postgres/outbox';
import { type Fresh, type Log } from '../ports';
import { heldBack, type Sending } from './sending';
import { type SentMarks } from './sentMarks';

/**
 * A place for one message, asked for before it is written. `known` are the ids of the unsettled client events of
 * its key that this process sends before it: any other one means that the message must wait in the outbox.
 */
export type Slot = { known: readonly string[]; send: (each: Enqueued, fresh: Fresh) => void };

/** A message, and until when it is ours (by `performance.now()`): afterwards another process may have sent it. */
type Leased = { each: Enqueued; until: number };

/** The client events of one key on their way, oldest first, until they are marked as sent. */
type Line = { unsettled: Set<string>; isBroken: boolean; last: Promise<unknown> };

/** Beyond this many under way, messages are left to the relay, which takes them as fast as they are sent. */
const MOST_UNDER_WAY = 100;

/**
 * Sends the messages of one lane that their own transaction leased to this process (ADR 54), from memory. Client
 * events of a key go one after another; where one fails, those behind it go back into the outbox. A message whose
 * lease has run out, as after a freeze, is left to whoever has it now: it would come late, behind newer ones.
 */
export class DirectLane {
  private readonly lines = new Map<string, Line>();
  private readonly underWay = new Set<Promise<unknown>>();
  private isStopped = false;

  constructor(
    private readonly sending: Sending,
    private readonly marks: SentMarks,
    private readonly log: Pick<Log, 'warn'>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * @param next where the next event of this key comes from: another process must find this one marked as sent
   * @returns null where the lane is stopped or has enough on its hands
   */
  slotFor(key: string, kind: Message['kind'], next: 'here' | 'elsewhere'): Slot | null {
    if (this.isStopped || this.underWay.size >= MOST_UNDER_WAY) return null;
    const until = this.now() + LEASE_MS; // the lease begins later, with the statement
    if (kind !== 'emit')
      return { known: [], send: (each, fresh) => this.track(this.sendAlone({ each, until }, fresh)) };
    const line = this.lines.get(key) ?? { unsettled: new Set(), isBroken: false, last: Promise.resolve() };
    return {
      known: [...line.unsettled],
      send: (each) => this.append(line, { each, until }, next === 'elsewhere'),
    };
  }

  /** Sends what is under way, and no more. */
  async stop(): Promise<void> {
    this.isStopped = true;
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }

  private append(asked: Line, leased: Leased, isUrgent: boolean): void {
    const { id, key } = leased.each;
    if (asked.isBroken) return this.track(this.putBack(leased, heldBack()));
    const line = this.lines.get(key) ?? asked;
    this.lines.set(key, line);
    line.unsettled.add(String(id));
    line.last = line.last.then(() => this.sendNext(line, leased, isUrgent));
    this.track(line.last);
  }

  private async sendNext(line: Line, leased: Leased, isUrgent: boolean): Promise<void> {
    const { each } = leased;
    const failure = line.isBroken || this.isOver(leased) ? heldBack() : await this.sending.attempt(each);
    if (failure === null)
      return this.marks.add(each.id, { isUrgent, whenMarked: () => this.settle(line, each) });
    line.isBroken = true;
    if (this.lines.get(each.key) === line) this.lines.delete(each.key);
    await this.putBack(leased, failure);
  }

  private settle(line: Line, { id, key }: Enqueued): void {
    line.unsettled.delete(String(id));
    if (line.unsettled.size === 0 && this.lines.get(key) === line) this.lines.delete(key);
  }

  private async sendAlone(leased: Leased, fresh: Fresh): Promise<void> {
    if (this.isOver(leased)) return;
    const failure = await this.sending.attempt(leased.each, fresh);
    if (failure === null) this.marks.add(leased.each.id, { isUrgent: false, whenMarked: () => undefined });
    else await this.putBack(leased, failure);
  }

  private isOver({ until }: Leased): boolean {
    return this.now() >= until;
  }

  private async putBack(leased: Leased, failure: Error): Promise<void> {
    if (this.isOver(leased)) return;
    const { each } = leased;
    try {
      await this.sending.putBack(each, failure);
    } catch (error) {
      this.log.warn(
        { err: error, outboxId: String(each.id) },
        'a message could not be put back; it is sent when its lease runs out',
      );
    }
  }

  private track(sent: Promise<unknown>): void {
    const tracked = sent.finally(() => this.underWay.delete(tracked));
    this.underWay.add(tracked);
  }
}
