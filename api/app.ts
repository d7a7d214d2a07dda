import express, { type Express, type Router } from 'express';
import helmet from 'helmet';
import type { ApiDeps } from './deps';
import { codecCors } from './http/codecCors';
import { cors } from './http/cors';
import { demoSignInRouter } from './http/demoSignIn';
import { docsRouter } from './http/docsPage';
import type { Endpoint } from './http/endpoint';
import { healthRouter, probesRouter } from './http/health';
import { openApiDocument } from './http/openapi';
import { Problem } from './http/problems';
import { createRateLimits } from './http/rateLimits';
import { correlate, measure, requestLog } from './http/requestLog';
import { asyncApiDocument } from './realtime/asyncapi';
import { auditEndpoints } from './routes/audit';
import { availabilityEndpoints } from './routes/availability';
import { cityEndpoints } from './routes/cities';
import { deliveryEndpoints } from './routes/deliveries';
import { deliveryActEndpoints } from './routes/deliveryActs';
import { driverProfileEndpoints } from './routes/driverProfiles';
import { driverEndpoints } from './routes/drivers';
import { erasureEndpoints } from './routes/erasures';
import { escalationEndpoints } from './routes/escalations';
import { featureEndpoints } from './routes/features';
import { matchingEndpoints } from './routes/matching';
import { merchantEndpoints } from './routes/merchants';
import { offerEndpoints } from './routes/offers';
import { orderChangeEndpoints } from './routes/orderChanges';
import { positionEndpoints } from './routes/positions';
import { pushEndpoints } from './routes/push';
import { rescueEndpoints } from './routes/rescue';
import { CODEC_PATH, temporalCodecEndpoints } from './routes/temporalCodec';
import { trackingEndpoints } from './routes/tracking';
import { suspensionEndpoints } from './routes/suspensions';
import { zoneActEndpoints } from './routes/zoneActs';
import { zoneHealthEndpoints } from './routes/zoneHealth';
import { endpointRouter, problemHandler } from './http/serve';
import { createThrottle } from './http/throttle';

/** All that the API offers beside probes and docs. */
export function apiEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    // Looked through in this order: what comes most often comes first.
    ...positionEndpoints(deps),
    ...offerEndpoints(deps),
    ...deliveryEndpoints(deps),
    ...deliveryActEndpoints(deps),
    ...orderChangeEndpoints(deps),
    ...driverEndpoints(deps),
    ...driverProfileEndpoints(deps),
    ...availabilityEndpoints(deps),
    ...cityEndpoints(deps),
    ...merchantEndpoints(deps),
    ...zoneHealthEndpoints(deps),
    ...zoneActEndpoints(deps),
    ...pushEndpoints(deps),
    ...auditEndpoints(deps),
    ...escalationEndpoints(deps),
    ...featureEndpoints(deps),
    ...matchingEndpoints(deps),
    ...rescueEndpoints(deps),
    ...temporalCodecEndpoints(deps),
    ...erasureEndpoints(deps),
    ...trackingEndpoints(deps),
    ...suspensionEndpoints(deps),
  ];
}

/** The HTTP side of the service. It opens no port and holds nothing open. */
export function createApp(deps: ApiDeps): Express {
  const endpoints = apiEndpoints(deps);
  const rateLimits = createRateLimits(deps.redis, deps.settings.rateLimits, deps.log, deps.keyPrefix);
  const details = deps.settings.api.admin === null ? detailRouters(deps, endpoints) : [probesRouter(deps)];
  return appOf(deps, (app) => {
    app.use(CODEC_PATH, codecCors(deps.payloads.uiOrigin));
    app.use(cors(deps.settings.corsOrigins));
    app.use(endpointRouter({ ...deps, rateLimits, throttle: createThrottle() }, endpoints), ...details);
  });
}

/** What an admin port serves: metrics, the details of readiness, and the docs. */
export function createAdminApp(deps: ApiDeps): Express {
  return appOf(deps, (app) => app.use(...detailRouters(deps, apiEndpoints(deps))));
}

function appOf(deps: ApiDeps, addRoutes: (app: Express) => void): Express {
  const app = express();
  app.disable('etag').set('query parser', 'simple').set('trust proxy', deps.settings.api.trustedProxies);
  app.use(
    correlate,
    requestLog(deps.log),
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      },
    }),
  );
  addRoutes(app);
  app.use(measure('none'), () => {
    throw new Problem('NO_SUCH_ROUTE', 'no route has this path');
  });
  app.use(problemHandler(deps));
  return app;
}

function detailRouters(deps: ApiDeps, endpoints: readonly Endpoint[]): Router[] {
  return [healthRouter(deps), docsRouter(openApiDocument(endpoints), asyncApiDocument(), demoSignIn(deps))];
}

function demoSignIn({ db, log, signDemoToken }: ApiDeps): Router | null {
  return signDemoToken ? demoSignInRouter({ db, log, signToken: signDemoToken }) : null;
}
