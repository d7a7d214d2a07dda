/**
 * Invariant 3: every open delivery has a running workflow, and every closed workflow a closed delivery with
 * the same result. Pure.
 */
import type { DeliveryStatus } from '../../domain/delivery/status';
import { deliveryWorkflowId } from '../../workflows/contract';
import type { RunState, FailingRun } from '../../simulator/kit/temporal';
import type { PendingViolation } from './violation';

type Order = { deliveryId: string; merchantId: string; sellerOrderId: string };

/**
 * Open deliveries whose workflow is not listed as running. They are described one by one, because Temporal's
 * visibility is eventually consistent.
 */
export function notListed<D extends Order>(open: readonly D[], running: ReadonlySet<string>): D[] {
  return open.filter((delivery) => !running.has(workflowIdOf(delivery)));
}

/** @param run the newest run of an open delivery */
export function openViolations({ deliveryId }: Order, run: RunState): PendingViolation[] {
  switch (run.kind) {
    case 'running':
      return [];
    case 'none':
      return [say(deliveryId, 'open', 'the delivery is open and has no workflow')];
    case 'ended':
      return [say(deliveryId, 'open', `the delivery is open, but its workflow ended with ${run.result}`)];
    case 'broken':
      return [say(deliveryId, 'open', `the delivery is open, but its workflow is ${run.state}`)];
  }
}

/** @param run the newest run of a closed delivery */
export function closedViolations(
  { deliveryId, status }: Order & { status: DeliveryStatus },
  run: RunState,
): PendingViolation[] {
  switch (run.kind) {
    case 'running':
      return [say(deliveryId, 'closed', `the delivery is ${status}, but its workflow is still running`)];
    case 'none':
      return [say(deliveryId, 'closed', `the delivery is ${status} and has no workflow`)];
    case 'broken':
      // The sweep ends a run that cannot go on (ADR 8); its delivery may have been closed by the very task of
      // which the cluster never heard.
      return run.state === 'TERMINATED'
        ? []
        : [say(deliveryId, 'closed', `the delivery is ${status}, but its workflow is ${run.state}`)];
    case 'ended':
      return run.result === status
        ? []
        : [say(deliveryId, 'closed', `the delivery is ${status}, but its workflow ended with ${run.result}`)];
  }
}

/**
 * Runs that are listed as running but have no open delivery.
 * @param known deliveries by workflow id, for the report
 */
export function unwantedRuns(
  running: ReadonlySet<string>,
  open: readonly Order[],
  known: ReadonlyMap<string, string>,
): { workflowId: string; suspicion: PendingViolation }[] {
  const wanted = new Set(open.map(workflowIdOf));
  return [...running]
    .filter((id) => !wanted.has(id))
    .map((workflowId) => ({
      workflowId,
      suspicion: say(
        known.get(workflowId) ?? null,
        `unwanted ${workflowId}`,
        `workflow ${workflowId} is running without an open delivery`,
      ),
    }));
}

export function failingRunViolations(
  failing: readonly FailingRun[],
  known: ReadonlyMap<string, string>,
): PendingViolation[] {
  return failing.map(({ workflowId, runId, problem }) =>
    say(known.get(workflowId) ?? null, `troubled ${runId}`, `workflow ${workflowId}: ${problem}`),
  );
}

export function workflowIdOf({
  merchantId,
  sellerOrderId,
}: Pick<Order, 'merchantId' | 'sellerOrderId'>): string {
  return deliveryWorkflowId(merchantId, sellerOrderId);
}

function say(deliveryId: string | null, key: string, what: string): PendingViolation {
  return { invariant: 3, what, deliveryId, driverId: null, key: `${deliveryId ?? ''} ${key}`, since: null };
}
