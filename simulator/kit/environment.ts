import { z } from 'zod';
import { SettingsError } from '../../settings';
import type { TokenSettings } from '../client/tokens';

/** The address and keys of the running system, as the start scripts set them. */
export type SimulatorSettings = { apiUrl: string; tokens: TokenSettings };

/**
 * The same with the servers behind the API, for programs that check its answers or start its processes.
 */
export type InspectorSettings = SimulatorSettings & { databaseUrl: string; redisUrl: string };

const url = (meaning: string, ...protocols: string[]) =>
  z
    .string({ error: `is not set; ${meaning}` })
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `is not a URL of the form ${protocols[0]}//…`,
    );

const SIMULATOR = z.object({
  API_URL: url('where the API is', 'http:', 'https:'),
  JWT_LOCAL_KEY: z
    .string({ error: 'is not set; the simulator signs its tokens with the key that the API trusts' })
    .min(32, 'has fewer than 32 bytes (its value is not shown)'),
  JWT_ISSUER: z.string().min(1).default('driver-service'),
  JWT_AUDIENCE: z.string().min(1).default('driver-service'),
});
const INSPECTOR = SIMULATOR.extend({
  DATABASE_URL: url('the PostgreSQL of the service', 'postgresql:', 'postgres:'),
  REDIS_URL: url('the Redis of the service', 'redis:', 'rediss:'),
});

/** @throws SettingsError with every variable that is missing or wrong */
export function readSimulatorSettings(env: NodeJS.ProcessEnv): SimulatorSettings {
  return simulatorSettings(readAs(SIMULATOR, env));
}

/** @throws SettingsError with every variable that is missing or wrong */
export function readInspectorSettings(env: NodeJS.ProcessEnv): InspectorSettings {
  const values = readAs(INSPECTOR, env);
  return { ...simulatorSettings(values), databaseUrl: values.DATABASE_URL, redisUrl: values.REDIS_URL };
}

function readAs<S extends z.ZodType>(schema: S, env: NodeJS.ProcessEnv): z.output<S> {
  const read = schema.safeParse(env);
  if (!read.success)
    throw new SettingsError(read.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`));
  return read.data;
}

function simulatorSettings(values: z.output<typeof SIMULATOR>): SimulatorSettings {
  return {
    apiUrl: values.API_URL,
    tokens: { localKey: values.JWT_LOCAL_KEY, issuer: values.JWT_ISSUER, audience: values.JWT_AUDIENCE },
  };
}

/** The variables of a service whose cities are matched, for this percent of the deliveries; none for 0. */
export function matchingVariables(percent: number): NodeJS.ProcessEnv {
  return percent > 0 ? { ENABLE_BATCH_MATCHING: 'true', BATCH_MATCHING_ROLLOUT: String(percent) } : {};
}
