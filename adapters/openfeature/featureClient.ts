import {
  type Client,
  ErrorCode,
  type EvaluationContext,
  OpenFeature,
  OpenFeatureEventEmitter,
  type Provider,
  ProviderEvents,
  type ResolutionDetails,
  StandardResolutionReasons,
} from '@openfeature/server-sdk';
import { rolloutDraw } from '../../domain/features/rollout';
import { type FeatureRegistry } from '../../services/features/featureRegistry';

type Source = Pick<FeatureRegistry, 'decide' | 'onChange'>;

/**
 * Our features through the OpenFeature standard: `client.getBooleanDetails('driver_offers', false, {
 * targetingKey: deliveryId, cityId })`. The rule is that of `Features.isOn` (domain/features/rollout.ts), and
 * the settings come from the registry, in memory.
 * @param domain the SDK keeps one provider for each domain in the whole process
 */
export function createFeatureClient(source: Source, domain = 'driver-service'): Client {
  OpenFeature.setProvider(domain, createProvider(source));
  return OpenFeature.getClient(domain);
}

function createProvider(source: Source): Provider {
  const events = new OpenFeatureEventEmitter();
  const stopListening = source.onChange(({ feature }) =>
    events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: [feature] }),
  );
  const onlyBoolean = async <T>(_feature: string, value: T): Promise<ResolutionDetails<T>> =>
    wrong(value, ErrorCode.TYPE_MISMATCH, 'features are on or off');
  return {
    metadata: { name: 'feature-registry' },
    runsOn: 'server',
    events,
    resolveBooleanEvaluation: async (feature, value, context) => resolve(source, feature, value, context),
    resolveStringEvaluation: onlyBoolean,
    resolveNumberEvaluation: onlyBoolean,
    resolveObjectEvaluation: onlyBoolean,
    onClose: async () => stopListening(),
  };
}

function resolve(
  source: Source,
  feature: string,
  value: boolean,
  { targetingKey: key, cityId }: EvaluationContext,
): ResolutionDetails<boolean> {
  if (key === undefined)
    return wrong(
      value,
      ErrorCode.TARGETING_KEY_MISSING,
      'targetingKey must be the id of the delivery, or of the driver',
    );
  if (typeof cityId !== 'string')
    return wrong(value, ErrorCode.INVALID_CONTEXT, 'cityId must be the id of a city');
  const decided = source.decide(feature, { cityId, key });
  if (decided === null) return wrong(value, ErrorCode.FLAG_NOT_FOUND, 'there is no such feature');
  const { setting, decision } = decided;
  const drawn = { draw: rolloutDraw(setting.feature, key), rolloutPercent: setting.rolloutPercent };
  if (decision.on)
    return {
      value: true,
      variant: 'on',
      reason:
        setting.rolloutPercent < 100
          ? StandardResolutionReasons.SPLIT
          : StandardResolutionReasons.TARGETING_MATCH,
      flagMetadata: drawn,
    };
  return {
    value: false,
    variant: 'off',
    reason: REASONS[decision.why],
    flagMetadata: { ...drawn, why: decision.why },
  };
}

const REASONS = {
  KILLED: StandardResolutionReasons.DISABLED,
  OFF: StandardResolutionReasons.DISABLED,
  CITY_NOT_LISTED: StandardResolutionReasons.TARGETING_MATCH,
  OUTSIDE_ROLLOUT: StandardResolutionReasons.SPLIT,
} as const;

function wrong<T>(value: T, errorCode: ErrorCode, errorMessage: string): ResolutionDetails<T> {
  return { value, reason: StandardResolutionReasons.ERROR, errorCode, errorMessage };
}
