import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Services } from '../services/compose';
import type { FeatureService } from '../services/features/featureService';
import type { Clock, DependencyChecks, DriverStates, NewId, Read } from '../services/ports';
import type { PrismaClient } from '../prisma/client/client';
import type { ApiSettings } from '../settings';
import type { CommandSender } from './commands/commandSender';
import type { TokenSigner } from './auth/localTokens';
import type { TokenReader } from './auth/tokens';

/** The services that routes call. */
type CalledServices = Pick<
  Services,
  | 'orders'
  | 'availability'
  | 'positions'
  | 'registration'
  | 'zoneHealth'
  | 'supportCases'
  | 'rescue'
  | 'audit'
>;

/** What the API needs from outside. `main.ts` and the tests give it; no route builds a client of its own. */
export type ApiDeps = CalledServices & {
  driverStates: Pick<DriverStates, 'read'>;
  settings: Pick<ApiSettings, 'api' | 'rateLimits'>;
  log: Logger;
  clock: Clock;
  newId: NewId;
  /** For reading, and for writing what has no life of its own: cities, zones, merchants. */
  db: PrismaClient;
  /** For what is read with every request of a driver: statements written by hand cost a tenth. */
  read: Read;
  /** Rate limits are counted here. */
  redis: Redis;
  readToken: TokenReader;
  /** Only where `npm start` plays the demo: the page of docs signs people of the demo in. */
  signDemoToken?: TokenSigner | null;
  commands: CommandSender;
  /** `publicKey` null: web push is off. */
  push: { publicKey: string | null; allowLocal: boolean };
  features: FeatureService;
  readiness: Readiness;
  /** Before every key in Redis; tests that share one set it. */
  keyPrefix?: string;
  /** Tests only: a reply that is not as its schema says is an error. */
  checkReplies?: boolean;
};

/** Whether this process takes requests. */
export interface Readiness {
  checks: DependencyChecks;
  /** True from the moment the process was told to stop. */
  isStopping: () => boolean;
}
