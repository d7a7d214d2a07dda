import { dirname } from 'node:path';
import express, { Router } from 'express';
import helmet from 'helmet';
import type { AsyncApiDocument } from '../realtime/asyncapi';
import { eventsRouter } from './eventsPage';
import { isFromThisMachine } from './demoSignIn';
import { DOCS_OPTIONS } from './docsOptions';

/** Resolves the folder only: importing the package would load its browser bundles. */
const ASSETS = dirname(require.resolve('swagger-ui-dist/package.json'));

type PageParts = { styles: readonly string[]; before: string; script: string };

/** Sets the viewport; without it, phones show the desktop layout. */
const pageOf = ({ styles, before, script }: PageParts): string => `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>driver-service: API</title>
${styles.map((href) => `  <link rel="stylesheet" href="${href}">`).join('\n')}
  <link rel="icon" href="/docs/assets/favicon-32x32.png">
</head>
<body>
  <nav>
    <a href="/docs/events">Realtime events</a> · <a href="/openapi.json">openapi.json</a> ·
    <a href="/asyncapi.json">asyncapi.json</a>
  </nav>
${before}  <div id="swagger-ui"></div>
  <script src="/docs/assets/swagger-ui-bundle.js"></script>
  <script src="${script}"></script>
</body>
</html>
`;

const STYLES = ['/docs/assets/swagger-ui.css', '/docs/page.css'];
const PAGE = pageOf({ styles: STYLES, before: '', script: '/docs/start.js' });
const DEMO_PAGE = pageOf({
  styles: [...STYLES, '/docs/demo/sign-in.css'],
  before: '  <section id="demo-sign-in" hidden></section>\n',
  script: '/docs/demo/sign-in.js',
});

const START = `SwaggerUIBundle(${JSON.stringify(DOCS_OPTIONS)});\n`;
/** Stacks table cells on phones; side by side, each would be a few letters wide. */
const STYLE = `body { margin: 0; }
nav { max-width: 1460px; margin: 0 auto; padding: 16px 20px 0; box-sizing: border-box; font: 14px sans-serif; }
nav a { color: #3b4151; }
@media (max-width: 640px) {
  .swagger-ui table.responses-table > :is(thead, tbody) > tr,
  .swagger-ui table.responses-table > tbody > tr > td,
  .swagger-ui table.parameters > tbody > tr,
  .swagger-ui table.parameters > tbody > tr > td { display: block; width: auto; min-width: 0; padding: 4px 0; }
  .swagger-ui table.parameters > thead,
  .swagger-ui table.responses-table > thead,
  .swagger-ui .response-col_links { display: none !important; }
  .swagger-ui .opblock-summary-description { padding: 4px 10px; }
}
`;

/**
 * Serves the docs pages. All assets come from this process, and no page has inline scripts.
 * @param demo the sign-in routes of the demo; null outside a demo
 */
export function docsRouter(openApi: object, asyncApi: AsyncApiDocument, demo: Router | null): Router {
  const router = Router();
  const text = JSON.stringify(openApi);
  router.get('/openapi.json', (_request, response) => void response.type('application/json').send(text));
  router.use('/docs', helmet.contentSecurityPolicy({ useDefaults: false, directives: DOCS_POLICY }));
  router.get('/docs', (request, response) => {
    response.type('html').send(demo && isFromThisMachine(request) ? DEMO_PAGE : PAGE);
  });
  if (demo) router.use('/docs/demo', demo);
  router.get('/docs/start.js', (_request, response) => void response.type('js').send(START));
  router.use(eventsRouter(asyncApi));
  router.get('/docs/page.css', (_request, response) => void response.type('css').send(STYLE));
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
