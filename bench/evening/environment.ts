import { UsageError } from '../../simulator/kit/arguments';
import { matchingVariables } from '../../simulator/kit/environment';
import { readSettings, type Settings } from '../../settings';
import { benchEnvironment } from '../service';
import type { NoticeSink } from './noticeSink';
import type { Options } from './options';

/** As PagerDuty's keys are. It goes to the sink only. */
const ROUTING_KEY = 'a-routing-key-of-the-evening-bench';
const LONGEST_POSITION_FRESH_SECONDS = 3_600;
const LONGEST_MINUTES = 1_440;

/**
 * The environment of worker and API: escalation as in production, all durations of dispatch divided by the
 * time scale, notices to the sink. Apps report at their own pace, so whether a driver is silent counts real
 * time. Worker and API log warnings, because slow workflow tasks are counted there. Other settings of the user
 * are kept.
 */
export function eveningEnvironment(
  given: NodeJS.ProcessEnv,
  { timeScale, isMatching }: Pick<Options, 'timeScale' | 'isMatching'>,
  sink: Pick<NoticeSink, 'chatUrl' | 'pagerUrl'>,
): NodeJS.ProcessEnv {
  const unscaled = (count: number, most: number): string =>
    String(Math.min(most, Math.max(count, Math.ceil(count * timeScale))));
  return {
    ...benchEnvironment({
      ENABLE_ESCALATION: 'true',
      POSITION_FRESH_SECONDS: unscaled(60, LONGEST_POSITION_FRESH_SECONDS),
      POSITION_OFFLINE_MINUTES: unscaled(10, LONGEST_MINUTES),
      LOST_AFTER_SILENCE_SECONDS: unscaled(180, 86_400),
      LOST_AFTER_SILENCE_AT_STOP_MINUTES: unscaled(10, LONGEST_MINUTES),
      LOST_AFTER_NO_PROGRESS_MINUTES: unscaled(5, LONGEST_MINUTES),
      ...given,
    }),
    ...matchingVariables(isMatching ? 100 : 0),
    TIME_SCALE: String(timeScale),
    LOG_LEVEL: 'warn',
    SLACK_WEBHOOK_URL: sink.chatUrl,
    PAGERDUTY_URL: sink.pagerUrl,
    PAGERDUTY_ROUTING_KEY: ROUTING_KEY,
  };
}

/** When a delivery without a driver rises to each level, and how often level 3 repeats, in real seconds. */
export type EscalationSeconds = { 1: number; 2: number; 3: number; repeat: number };

/**
 * What the service makes of this environment.
 * @throws SettingsError; UsageError where matching is asked for and the service does not know it
 */
export function readService(
  env: NodeJS.ProcessEnv,
  { isMatching }: Pick<Options, 'isMatching'>,
): { escalationSeconds: EscalationSeconds } {
  const { features, escalation } = readSettings(env);
  if (isMatching && !hasMatching(features))
    throw new UsageError('--matching: this build of the service has no settings for batch_matching');
  const { thresholds, repeatMs } = escalation;
  return {
    escalationSeconds: {
      1: thresholds[1] / 1_000,
      2: thresholds[2] / 1_000,
      3: thresholds[3] / 1_000,
      repeat: repeatMs / 1_000,
    },
  };
}

function hasMatching(features: Settings['features']): boolean {
  return features.some(({ feature, state }) => feature === 'batch_matching' && state === 'ON');
}
