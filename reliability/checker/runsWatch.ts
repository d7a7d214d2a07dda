import { orderOfWorkflowId } from '../../workflows/contract';
import type { RunState, TemporalWindow } from '../../simulator/kit/temporal';
import type { Suspicion } from './broken';
import type { ClosedDelivery } from './recordWatch';
import {
  closedSuspicions,
  notListed,
  openSuspicions,
  troubledSuspicions,
  unwantedRuns,
  workflowIdOf,
} from './runRules';
import type { OpenDelivery } from './snapshot';

const CALLS_AT_ONCE = 8;
/** So many single runs are asked for in one look; what is left, in the next. */
const ASKED_AT_ONCE = 60;

/**
 * Reads Temporal: what it lists at each look, and single runs where that differs from the record, or a
 * delivery was closed.
 */
export class RunsWatch {
  /** Closed deliveries whose runs are still to be seen closed. */
  private readonly closing = new Map<string, ClosedDelivery>();
  private readonly settled = new Set<string>();
  private readonly deliveryOf = new Map<string, string>();

  /** @param since runs that failed before are not looked at, epoch ms */
  constructor(
    private readonly temporal: TemporalWindow,
    private readonly cityIds: readonly string[] | null,
    private readonly since: number,
  ) {}

  /** How many closed deliveries' runs are still to be seen closed. */
  get toBeSeen(): number {
    return this.closing.size;
  }

  /** Whose runs must be closed, too. */
  expectClosed(deliveries: readonly ClosedDelivery[]): void {
    for (const delivery of deliveries)
      if (!this.settled.has(delivery.deliveryId)) this.closing.set(delivery.deliveryId, delivery);
  }

  /** @param open as PostgreSQL said before. @throws Error where Temporal does not answer in time */
  async look(open: readonly OpenDelivery[]): Promise<Suspicion[]> {
    for (const delivery of [...open, ...this.closing.values()])
      this.deliveryOf.set(workflowIdOf(delivery), delivery.deliveryId);
    const [running, troubled] = await Promise.all([
      this.temporal.running(this.cityIds),
      this.temporal.troubled(this.since),
    ]);
    const missing = await this.ask(notListed(open, running), openSuspicions);
    const unclosed = await this.ask([...this.closing.values()], (delivery, run) =>
      this.seeClosed(delivery, run),
    );
    return [
      ...missing,
      ...unclosed,
      ...(await this.unwanted(running, open)),
      ...troubledSuspicions(troubled, this.deliveryOf),
    ];
  }

  private seeClosed(delivery: ClosedDelivery, run: RunState): Suspicion[] {
    const suspicions = closedSuspicions(delivery, run);
    if (suspicions.length > 0) return suspicions;
    this.closing.delete(delivery.deliveryId);
    this.settled.add(delivery.deliveryId);
    this.deliveryOf.delete(workflowIdOf(delivery));
    return [];
  }

  /** What is listed may have ended meanwhile. */
  private async unwanted(running: ReadonlySet<string>, open: readonly OpenDelivery[]): Promise<Suspicion[]> {
    const runs = unwantedRuns(running, open, this.deliveryOf).flatMap(({ workflowId, suspicion }) => {
      const order = orderOfWorkflowId(workflowId);
      return order ? [{ ...order, suspicion }] : [];
    });
    return this.ask(runs, ({ suspicion }, { kind }) => (kind === 'running' ? [suspicion] : []));
  }

  private async ask<O extends { merchantId: string; sellerOrderId: string }>(
    orders: readonly O[],
    judge: (order: O, run: RunState) => Suspicion[],
  ): Promise<Suspicion[]> {
    const rest = orders.slice(0, ASKED_AT_ONCE);
    const found: Suspicion[] = [];
    const take = async (): Promise<void> => {
      for (let next = rest.pop(); next; next = rest.pop())
        found.push(...judge(next, await this.temporal.state(next)));
    };
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, take));
    return found;
  }
}
