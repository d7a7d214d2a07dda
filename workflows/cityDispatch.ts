import {
  condition,
  isCancellation,
  log,
  makeContinueAsNewFunc,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { CityRounds } from '../services/matching/cityRounds';
import { type CityDispatchInput, ROUND_WITHIN_MS, roundDue } from './contract';

const { runRound } = proxyActivities<CityRounds>({
  startToCloseTimeout: ROUND_WITHIN_MS,
  retry: { maximumAttempts: 1 }, // the next round is the next attempt, with what has changed since
});

/** Rounds of a city begin at least this long after one another. */
const GAP_MS = 1_000;
/** The wait after a round that failed or was not in time. Deliveries have a net of their own meanwhile. */
const AFTER_FAILURE_MS = 5_000;

/**
 * The one owner of the matching of a city: runs a round at its start, when something has changed, and when the last
 * round said to come back; ends where nobody waits. What changes after a round has read the rows comes as a signal,
 * to this run or to the next. docs/behaviour.md#matching.
 */
export async function cityDispatch(input: CityDispatchInput): Promise<void> {
  let calls = 0;
  let answered = 0;
  setHandler(roundDue, () => void (calls += 1));
  const isCalled = (): boolean => calls > answered;
  for (;;) {
    answered = calls;
    const beganAt = Date.now();
    const comeBackInMs = await comeBackAfterRound(input);
    if (workflowInfo().continueAsNewSuggested) await goOnAsNew(input);
    if (comeBackInMs === null && !isCalled()) return;
    if (comeBackInMs !== null && !isCalled())
      await condition(isCalled, Math.max(1, comeBackInMs), { summary: 'the next round is due' });
    const tooSoonMs = beganAt + GAP_MS - Date.now();
    if (tooSoonMs > 0) await sleep(tooSoonMs, { summary: 'a round a second' });
    // Another build is the current one, whose workers may soon be the only ones. After the wait, to keep the pace.
    if (workflowInfo().targetWorkerDeploymentVersionChanged) await goOnAsNew(input);
  }
}

/** @returns when to come back; null = nobody waits */
async function comeBackAfterRound({ cityId, correlationId }: CityDispatchInput): Promise<number | null> {
  try {
    const { waiting, free, proposed, held, comeBackInMs } = await runRound({ cityId, correlationId });
    setCurrentDetails(`${waiting} wait, ${free} free: ${proposed} proposed, ${held} held`);
    return comeBackInMs;
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('a round failed or was not in time', { cityId, error });
    return AFTER_FAILURE_MS;
  }
}

/** The next run begins with a round, so that no call gets lost, and with the current build (ADR 21). */
function goOnAsNew(input: CityDispatchInput): Promise<never> {
  return makeContinueAsNewFunc<typeof cityDispatch>({ initialVersioningBehavior: 'AUTO_UPGRADE' })(input);
}
