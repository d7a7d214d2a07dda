import { orderOfWorkflowId } from '../../workflows/contract';
import type { RunState, TemporalInspector } from '../../simulator/kit/temporal';
import type { PendingViolation } from './violation';
import type { ClosedDelivery } from './recordWatch';
import {
  closedViolations,
  notListed,
  openViolations,
  failingRunViolations,
  unwantedRuns,
  workflowIdOf,
} from './runRules';
import type { OpenDelivery } from './snapshot';

const CALLS_AT_ONCE = 8;
/** The most single runs that one check describes; the rest follow in the next check. */
const ASKED_AT_ONCE = 60;

/**
 * Reads Temporal: the list of runs at each check, and single runs where the list differs from the database or
 * a delivery was closed.
 */
export class RunsWatch {
  /** Closed deliveries whose runs have not been seen closed yet. */
  private readonly closing = new Map<string, ClosedDelivery>();
  private readonly settled = new Set<string>();
  private readonly deliveryOf = new Map<string, string>();

  /** @param since failed runs older than this are ignored, epoch ms */
  constructor(
    private readonly temporal: TemporalInspector,
    private readonly cityIds: readonly string[] | null,
    private readonly since: number,
  ) {}

  /** How many closed deliveries have runs not seen closed yet. */
  get toBeSeen(): number {
    return this.closing.size;
  }

  /** The runs of these deliveries must be closed as well. */
  expectClosed(deliveries: readonly ClosedDelivery[]): void {
    for (const delivery of deliveries)
      if (!this.settled.has(delivery.deliveryId)) this.closing.set(delivery.deliveryId, delivery);
  }

  /**
   * @param open as read from PostgreSQL before
   * @throws Error where Temporal does not answer in time
   */
  async look(open: readonly OpenDelivery[]): Promise<PendingViolation[]> {
    for (const delivery of [...open, ...this.closing.values()])
      this.deliveryOf.set(workflowIdOf(delivery), delivery.deliveryId);
    const [running, failing] = await Promise.all([
      this.temporal.running(this.cityIds),
      this.temporal.failingRuns(this.since),
    ]);
    const missing = await this.ask(notListed(open, running), openViolations);
    const unclosed = await this.ask([...this.closing.values()], (delivery, run) =>
      this.seeClosed(delivery, run),
    );
    return [
      ...missing,
      ...unclosed,
      ...(await this.unwanted(running, open)),
      ...failingRunViolations(failing, this.deliveryOf),
    ];
  }

  private seeClosed(delivery: ClosedDelivery, run: RunState): PendingViolation[] {
    const pendingViolations = closedViolations(delivery, run);
    if (pendingViolations.length > 0) return pendingViolations;
    this.closing.delete(delivery.deliveryId);
    this.settled.add(delivery.deliveryId);
    this.deliveryOf.delete(workflowIdOf(delivery));
    return [];
  }

  /** A listed run may have ended meanwhile. */
  private async unwanted(
    running: ReadonlySet<string>,
    open: readonly OpenDelivery[],
  ): Promise<PendingViolation[]> {
    const runs = unwantedRuns(running, open, this.deliveryOf).flatMap(({ workflowId, suspicion }) => {
      const order = orderOfWorkflowId(workflowId);
      return order ? [{ ...order, suspicion }] : [];
    });
    return this.ask(runs, ({ suspicion }, { kind }) => (kind === 'running' ? [suspicion] : []));
  }

  private async ask<O extends { merchantId: string; sellerOrderId: string }>(
    orders: readonly O[],
    judge: (order: O, run: RunState) => PendingViolation[],
  ): Promise<PendingViolation[]> {
    const rest = orders.slice(0, ASKED_AT_ONCE);
    const found: PendingViolation[] = [];
    const take = async (): Promise<void> => {
      for (let next = rest.pop(); next; next = rest.pop())
        found.push(...judge(next, await this.temporal.state(next)));
    };
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, take));
    return found;
  }
}
