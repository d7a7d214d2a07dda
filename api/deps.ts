import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { AuditService } from '../services/auditChains';
import type { AvailabilityService } from '../services/availability';
import type { FeatureService } from '../services/features/featureService';
import type { Orders } from '../services/orders';
import type { Clock, DriverStates, NewId, Read } from '../services/ports';
import type { Positions } from '../services/positions';
import type { Registration } from '../services/registration';
import type { RescueService } from '../services/rescue';
import type { SupportCases } from '../services/supportCases';
import type { ZoneHealth } from '../services/zones/zoneHealth';
import type { PrismaClient } from '../prisma/client/client';
import type { ApiSettings } from '../settings';
import type { Answers } from './commands/answers';
import type { TokenReader } from './auth/tokens';

/** What the API needs from outside. `main.ts` and the tests give it; no route builds a client of its own. */
export type ApiDeps = {
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
  orders: Orders;
  answers: Answers;
  availability: Pick<AvailabilityService, 'request' | 'read'>;
  positions: Positions;
  registration: Registration;
  zoneHealth: Pick<ZoneHealth, 'refresh'>;
  driverStates: Pick<DriverStates, 'read'>;
  supportCases: SupportCases;
  rescue: RescueService;
  audit: AuditService;
  /** `publicKey` null: web push is off. */
  push: { publicKey: string | null; allowLocal: boolean };
  features: FeatureService;
  readiness: Readiness;
  /** Before every key in Redis; tests that share one set it. */
  keyPrefix?: string;
  /** Tests only: a reply that is not as its schema says is an error. */
  checkReplies?: boolean;
};

/** One thing the service cannot work without. `check` rejects while it is away. */
export type Dependency = { name: string; check: () => Promise<unknown> };

/** Whether this process takes requests. */
export interface Readiness {
  dependencies: readonly Dependency[];
  /** True from the moment the process was told to stop. */
  isStopping: () => boolean;
}
