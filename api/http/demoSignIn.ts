import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';
import express, { type Request, Router } from 'express';
import { z } from 'zod';
import type { TokenHolder, TokenSigner } from '../auth/localTokens';
import type { ApiDeps } from '../deps';
import { DEMO_SCRIPT, DEMO_STYLE } from './demoSignInAssets';
import { Problem } from './problems';

/** A person of the demo, as the docs page shows them. */
type DemoPerson = TokenHolder & { name: string };

type DemoDeps = Pick<ApiDeps, 'db' | 'log'> & { signToken: TokenSigner };

const OPS: DemoPerson = { role: 'ops', id: 'demo-ops', name: 'Ops of all cities' };
const MAX_PER_ROLE = 40;

const signInRequest = z.strictObject({
  role: z.enum(['ops', 'merchant', 'driver']),
  id: z.string().min(1).max(128),
});

/**
 * Signs in as a person of the demo (docs/adr/0029-demo-sign-in.md). Requests from other machines return 404.
 */
export function demoSignInRouter({ db, log, signToken }: DemoDeps): Router {
  const router = Router();
  router.use((request, response, next) => {
    if (!isFromThisMachine(request)) return next('router');
    response.set('Cache-Control', 'no-store');
    next();
  });
  router.get('/sign-in.js', (_request, response) => void response.type('js').send(DEMO_SCRIPT));
  router.get('/sign-in.css', (_request, response) => void response.type('css').send(DEMO_STYLE));
  router.get('/people', async (_request, response) => void response.json(await demoPeople(db)));
  router.post('/sign-in', express.json({ limit: '1kb' }), async (request, response) => {
    if (!isFromOurPage(request)) throw new Problem('FORBIDDEN', 'only the docs page may sign in');
    const wanted = signInRequest.safeParse(request.body);
    if (!wanted.success) throw new Problem('INVALID_REQUEST', 'the body must have a role and an id');
    const { role, id } = wanted.data;
    const person = (await demoPeople(db)).find((each) => each.role === role && each.id === id);
    if (!person) throw new Problem('NOT_FOUND', 'the demo has no such person');
    log.info({ role, id }, 'signed in from the docs page');
    response.json({ token: await signToken(person) });
  });
  return router;
}

async function demoPeople(db: ApiDeps['db']): Promise<DemoPerson[]> {
  const page = { select: { id: true, name: true }, orderBy: { name: 'asc' }, take: MAX_PER_ROLE } as const;
  const [merchants, drivers] = await Promise.all([db.merchant.findMany(page), db.driver.findMany(page)]);
  return [
    OPS,
    ...merchants.map(({ id, name }): DemoPerson => ({ role: 'merchant', id, name })),
    ...drivers.map(({ id, name }): DemoPerson => ({ role: 'driver', id, name })),
  ];
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

const OUR_NAMES = ['127.0.0.1', 'localhost', '[::1]'];
/** Set by a reverse proxy or tunnel on this machine that forwards a request of another client. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

type From = { socket: { remoteAddress?: string } };

/**
 * Whether the request comes from this machine, with a Host header of this machine. The check of the Host header
 * prevents DNS rebinding: a page of another site sends the name of that site.
 */
export function isFromThisMachine(request: Pick<IncomingMessage, 'headers'> & From): boolean {
  const { remoteAddress = '' } = request.socket;
  const host = request.headers.host ?? '';
  return (
    LOOPBACK.check(remoteAddress, isIPv6(remoteAddress) ? 'ipv6' : 'ipv4') &&
    OUR_NAMES.includes(host.replace(/:\d+$/, '')) &&
    PROXY_HEADERS.every((name) => request.headers[name] === undefined)
  );
}

/** Browsers send the origin of the page with a POST. Another origin, even another port, is refused. */
function isFromOurPage({ headers }: Request): boolean {
  return headers.origin === `http://${headers.host ?? ''}`;
}
