import type { ApiClientOptions } from '@driver-service/api-client';
import type { SimulatorSettings } from '../kit/environment';
import { createSupportClient, type SupportClient } from './supportClient';
import {
  createDriverClient,
  createMerchantClient,
  createOpsClient,
  createV1DriverClient,
} from './httpClients';
import type { DriverClient, MerchantClient, OpsClient } from './service';
import { createLogin, type Holder, type Login } from './tokens';

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
  support(name: string): Promise<SupportClient>;
  /** How often a request had to be sent again. */
  retries: () => number;
};

/** How requests are sent and repeated, as the client of the API takes it. */
export type ConnectOptions = Pick<ApiClientOptions, 'attemptTimeoutMs' | 'signal' | 'send'> & {
  /** How long each request is tried again while the service is away. */
  retryForMs: number;
};

export function connect({ apiUrl, tokens }: SimulatorSettings, options: ConnectOptions): Connections {
  const login = createLogin(tokens);
  let retries = 0;
  const as = async (holder: Holder): Promise<ApiClientOptions> => ({
    ...options,
    baseUrl: apiUrl,
    token: await login(holder),
    onRetry: () => void (retries += 1),
  });
  const allCities = (name: string): Holder => ({ role: 'ops', name, cities: '*' });
  return {
    apiUrl,
    login,
    driver: async (driverId) => createDriverClient(await as({ role: 'driver', driverId }), driverId),
    v1Driver: async (driverId) => createV1DriverClient(await as({ role: 'driver', driverId }), driverId),
    merchant: async (merchantId) => createMerchantClient(await as({ role: 'merchant', merchantId })),
    ops: async (name) => createOpsClient(await as(allCities(name))),
    support: async (name) => createSupportClient(await as(allCities(name))),
    retries: () => retries,
  };
}
