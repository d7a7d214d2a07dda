import type { SimulatorSettings } from '../kit/environment';
import { createSupportClient, type SupportClient } from './supportClient';
import {
  createDriverClient,
  createMerchantClient,
  createOpsClient,
  createV1DriverClient,
} from './httpClients';
import { createRetryingFetch, type RetryOptions } from './retryingFetch';
import type { DriverClient, MerchantClient, OpsClient } from './service';
import { createLogin, type Login } from './tokens';

/** Logged-in clients of one running system. */
export type Connections = {
  apiUrl: string;
  login: Login;
  driver(driverId: string): Promise<DriverClient>;
  /** The same driver with the app of v1. */
  v1Driver(driverId: string): Promise<DriverClient>;
  merchant(merchantId: string): Promise<MerchantClient>;
  /** Ops of all cities. */
  ops(name: string): Promise<OpsClient>;
  /** The same, who work by hand. */
  desk(name: string): Promise<SupportClient>;
  /** How often a request had to be sent again. */
  retries: () => number;
};

/**
 * `patienceMs`: how long each request is tried again while the service is away; `tryTimeoutMs` and `send`: as
 * those who retry take them.
 */
export type ConnectOptions = Pick<RetryOptions, 'patienceMs' | 'tryTimeoutMs' | 'signal' | 'send'>;

export function connect({ apiUrl, tokens }: SimulatorSettings, options: ConnectOptions): Connections {
  const login = createLogin(tokens);
  let retries = 0;
  const send = createRetryingFetch({ ...options, onRetry: () => void (retries += 1) });
  return {
    apiUrl,
    login,
    driver: async (driverId) =>
      createDriverClient({ apiUrl, token: await login({ role: 'driver', driverId }), send }, driverId),
    v1Driver: async (driverId) =>
      createV1DriverClient({ apiUrl, token: await login({ role: 'driver', driverId }), send }, driverId),
    merchant: async (merchantId) =>
      createMerchantClient({ apiUrl, token: await login({ role: 'merchant', merchantId }), send }),
    ops: async (name) =>
      createOpsClient({ apiUrl, token: await login({ role: 'ops', name, cities: '*' }), send }),
    desk: async (name) =>
      createSupportClient({ apiUrl, token: await login({ role: 'ops', name, cities: '*' }), send }),
    retries: () => retries,
  };
}
