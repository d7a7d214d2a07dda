/**
 * Invariant 3: every open delivery has a running workflow, every closed workflow a closed delivery with the
 * same result. Pure.
 */
import type { DeliveryStatus } from '../../domain/delivery/status';
import { deliveryWorkflowId } from '../../workflows/contract';
import type { RunState, TroubledRun } from '../../simulator/kit/temporal';
import type { Suspicion } from './broken';

type Order = { deliveryId: string; merchantId: string; sellerOrderId: string };

/**
 * Open deliveries whose run is not known to be running: to be asked for one by one, since what Temporal lists
 * may be late.
 */
export function notListed<D extends Order>(open: readonly D[], running: ReadonlySet<string>): D[] {
  return open.filter((delivery) => !running.has(workflowIdOf(delivery)));
}

/** @param run the newest one of an open delivery */
export function openSuspicions({ deliveryId }: Order, run: RunState): Suspicion[] {
  switch (run.kind) {
    case 'running':
      return [];
    case 'none':
      return [say(deliveryId, 'open', 'the delivery is open and has no workflow')];
    case 'ended':
      return [say(deliveryId, 'open', `the delivery is open, and its workflow ended with ${run.result}`)];
    case 'broken':
      return [say(deliveryId, 'open', `the delivery is open, and its workflow is ${run.state}`)];
  }
}

/** @param run the newest one of a delivery that is closed */
export function closedSuspicions(
  { deliveryId, status }: Order & { status: DeliveryStatus },
  run: RunState,
): Suspicion[] {
  switch (run.kind) {
    case 'running':
      return [say(deliveryId, 'closed', `the delivery is ${status}, and its workflow runs on`)];
    case 'none':
      return [say(deliveryId, 'closed', `the delivery is ${status} and has no workflow`)];
    case 'broken':
      // The sweep ends a run that cannot go on (ADR 8); its delivery may have been closed by the very task of
      // which the cluster never heard.
      return run.state === 'TERMINATED'
        ? []
        : [say(deliveryId, 'closed', `the delivery is ${status}, and its workflow is ${run.state}`)];
    case 'ended':
      return run.result === status
        ? []
        : [say(deliveryId, 'closed', `the delivery is ${status}, and its workflow ended with ${run.result}`)];
  }
}

/**
 * Listed as running, although no open delivery wants them.
 * @param known deliveries by the ids of their workflows, for names
 */
export function unwantedRuns(
  running: ReadonlySet<string>,
  open: readonly Order[],
  known: ReadonlyMap<string, string>,
): { workflowId: string; suspicion: Suspicion }[] {
  const wanted = new Set(open.map(workflowIdOf));
  return [...running]
    .filter((id) => !wanted.has(id))
    .map((workflowId) => ({
      workflowId,
      suspicion: say(
        known.get(workflowId) ?? null,
        `unwanted ${workflowId}`,
        `workflow ${workflowId} runs, and no open delivery wants it`,
      ),
    }));
}

export function troubledSuspicions(
  troubled: readonly TroubledRun[],
  known: ReadonlyMap<string, string>,
): Suspicion[] {
  return troubled.map(({ workflowId, runId, problem }) =>
    say(known.get(workflowId) ?? null, `troubled ${runId}`, `workflow ${workflowId}: ${problem}`),
  );
}

export function workflowIdOf({
  merchantId,
  sellerOrderId,
}: Pick<Order, 'merchantId' | 'sellerOrderId'>): string {
  return deliveryWorkflowId(merchantId, sellerOrderId);
}

function say(deliveryId: string | null, key: string, what: string): Suspicion {
  return { invariant: 3, what, deliveryId, driverId: null, key: `${deliveryId ?? ''} ${key}`, since: null };
}
