import { loadClientConnectConfig } from '@temporalio/envconfig';
import { SettingsError } from './index';
import { temporalRisks } from './production';
import type { Environment } from './variable';

export type TemporalSettings = Omit<ReturnType<typeof loadClientConnectConfig>, 'namespace'> & {
  namespace: string;
};

/**
 * The connection to Temporal, from its own variables (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`,
 * `TEMPORAL_API_KEY`, `TEMPORAL_TLS_…`) or its configuration file.
 * @throws SettingsError
 */
export function readTemporalSettings(environment: Environment): TemporalSettings {
  const env = Object.fromEntries(
    Object.entries(environment).flatMap(([name, text]) =>
      text === undefined || text === '' ? [] : [[name, text] as const],
    ),
  );
  const { connectionOptions, namespace = 'default' } = load(env);
  if (!connectionOptions.address) {
    throw new SettingsError([
      'TEMPORAL_ADDRESS is not set; ' +
        'allowed: host:port, or a profile of a Temporal configuration file that names an address',
    ]);
  }
  const { tls } = connectionOptions;
  const risks = temporalRisks(env, tls !== undefined && tls !== null && tls !== false);
  if (risks.length > 0) throw new SettingsError(risks);
  return { connectionOptions, namespace };
}

function load(env: Record<string, string>): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig({ overrideEnvVars: env });
  } catch (error) {
    throw new SettingsError([`TEMPORAL_…: ${error instanceof Error ? error.message : String(error)}`]);
  }
}
