import { dirname } from 'node:path';
import express, { Router } from 'express';
import helmet from 'helmet';
import type { AsyncApiDocument } from '../realtime/asyncapi';
import { eventsRouter } from './eventsPage';

/** By its folder: the package itself would load all that browsers need. */
const ASSETS = dirname(require.resolve('swagger-ui-dist/package.json'));

const PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>driver-service: API</title>
  <link rel="stylesheet" href="/docs/assets/swagger-ui.css">
  <link rel="icon" href="/docs/assets/favicon-32x32.png">
</head>
<body>
  <p>
    <a href="/openapi.json">openapi.json</a> ·
    <a href="/docs/events">Realtime events</a> · <a href="/asyncapi.json">asyncapi.json</a>
  </p>
  <div id="swagger-ui"></div>
  <script src="/docs/assets/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });\n`;

/**
 * The pages of docs, all of it served from here: nothing is fetched from elsewhere, and no script stands in
 * the page itself.
 */
export function docsRouter(openApi: object, asyncApi: AsyncApiDocument): Router {
  const router = Router();
  const text = JSON.stringify(openApi);
  router.get('/openapi.json', (_request, response) => void response.type('application/json').send(text));
  router.use('/docs', helmet.contentSecurityPolicy({ useDefaults: false, directives: DOCS_POLICY }));
  router.get('/docs', (_request, response) => void response.type('html').send(PAGE));
  router.get('/docs/start.js', (_request, response) => void response.type('js').send(START));
  router.use(eventsRouter(asyncApi));
  router.use('/docs/assets', express.static(ASSETS, { index: false, maxAge: '1d' }));
  return router;
}

const DOCS_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  frameAncestors: ["'none'"],
};
