import type { Payload } from '@temporalio/common';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Services } from '../services/compose';
import type { FeatureService } from '../services/features/featureService';
import type { RefusingChannel } from '../services/noticeChannels';
import type { Clock, DriverStates, NewId, Read, RoomStates } from '../services/ports';
import type { ReadinessReport } from '../services/readiness';
import type { SuspendedSubjects } from '../services/suspendedSubjects';
import type { PrismaClient } from '../prisma/client/client';
import type { ApiSettings } from '../settings';
import type { CommandSender } from './commands/commandSender';
import type { TokenSigner } from './auth/localTokens';
import type { TokenReader } from './auth/tokens';
import type { TrackingTokens } from './auth/trackingTokens';

/** The services that routes call. */
type CalledServices = Pick<
  Services,
  | 'orders'
  | 'orderChanges'
  | 'availability'
  | 'positions'
  | 'registration'
  | 'driverProfiles'
  | 'configuration'
  | 'pushSubscriptions'
  | 'erasures'
  | 'zoneHealth'
  | 'zoneActs'
  | 'matchPolicies'
  | 'shadowReports'
  | 'supportCases'
  | 'strandedGoods'
  | 'rescue'
  | 'fingerprints'
  | 'suspensions'
  | 'audit'
>;

/** The dependencies of the API. `main.ts` and the tests provide them; routes build no clients. */
export type ApiDeps = CalledServices & {
  driverStates: DriverStates;
  roomStates: Pick<RoomStates, 'tracking'>;
  /** Null: customers cannot follow deliveries. */
  tracking: TrackingTokens | null;
  settings: Pick<ApiSettings, 'api' | 'rateLimits' | 'orders' | 'corsOrigins' | 'requireV2From'>;
  log: Logger;
  clock: Clock;
  newId: NewId;
  /** For reads, and for writes of reference data: cities, zones, merchants. */
  db: PrismaClient;
  /** For reads on the hot path of drivers: raw SQL costs a tenth of a Prisma query. */
  read: Read;
  /** For the counters of rate limits. */
  redis: Redis;
  readToken: TokenReader;
  /** Whom this process refuses. */
  suspended: Pick<SuspendedSubjects, 'has' | 'refresh'>;
  /** Only in the demo of `npm start`: signs in people of the demo from the docs page. */
  signDemoToken?: TokenSigner | null;
  commands: CommandSender;
  /** `publicKey` null: web push is off. */
  push: { publicKey: string | null; allowLocal: boolean };
  features: FeatureService;
  payloads: TemporalPayloads;
  readiness: Readiness;
  /** The prefix of every key in Redis; for tests that share a Redis. */
  keyPrefix?: string;
  /** Tests only: a reply that does not match its schema is an error. */
  checkReplies?: boolean;
};

/** Personal content in Temporal: how ops read it, and whether it is encrypted from now on. */
export type TemporalPayloads = {
  /** Decrypts what it can, and returns the rest as it is. */
  read: (payloads: readonly Payload[]) => Promise<Payload[]>;
  /** The origin of the Temporal UI, whose pages may call the codec endpoint; null: no page may. */
  uiOrigin: string | null;
  isEncrypting: boolean;
};

/** Whether this process accepts requests. */
export interface Readiness {
  report: () => Promise<ReadinessReport>;
  /** Channels of notices that refuse; shown, but no reason not to be ready. */
  refusingChannels?: () => readonly RefusingChannel[];
  /** True once the process got a stop signal. */
  isStopping: () => boolean;
}
