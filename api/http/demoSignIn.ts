import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';
import express, { type Request, Router } from 'express';
import { z } from 'zod';
import type { TokenHolder, TokenSigner } from '../auth/localTokens';
import type { ApiDeps } from '../deps';
import { DEMO_SCRIPT, DEMO_STYLE } from './demoSignInAssets';
import { Problem } from './problems';

/** A person of the demo, as the page shows them. */
type DemoPerson = TokenHolder & { name: string };

type DemoDeps = Pick<ApiDeps, 'db' | 'log'> & { signToken: TokenSigner };

const OPS: DemoPerson = { role: 'ops', id: 'demo-ops', name: 'Ops of all cities' };
const MOST_OF_A_ROLE = 40;

const asked = z.strictObject({
  role: z.enum(['ops', 'merchant', 'driver']),
  id: z.string().min(1).max(128),
});

/**
 * Signing in as a person of the demo (docs/adr/0029-demo-sign-in.md). Whoever is not on this machine finds
 * nothing here.
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
    if (!isFromOurPage(request)) throw new Problem('FORBIDDEN', 'only the page of docs signs people in');
    const wanted = asked.safeParse(request.body);
    if (!wanted.success) throw new Problem('INVALID_REQUEST', 'the body must be a role and an id');
    const { role, id } = wanted.data;
    const person = (await demoPeople(db)).find((each) => each.role === role && each.id === id);
    if (!person) throw new Problem('NOT_FOUND', 'there is no such person in the demo');
    log.info({ role, id }, 'signed in from the page of docs');
    response.json({ token: await signToken(person) });
  });
  return router;
}

async function demoPeople(db: ApiDeps['db']): Promise<DemoPerson[]> {
  const some = { select: { id: true, name: true }, orderBy: { name: 'asc' }, take: MOST_OF_A_ROLE } as const;
  const [merchants, drivers] = await Promise.all([db.merchant.findMany(some), db.driver.findMany(some)]);
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
/** A reverse proxy or a tunnel on this machine says by these that somebody else asks. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

type From = { socket: { remoteAddress?: string } };

/**
 * Whether somebody on this machine asks, under a name of this machine: a page of another site whose name was
 * made to lead here (DNS rebinding) sends that name as Host.
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

/** Browsers name the page that sends a POST; one from elsewhere, even from another port, is not ours. */
function isFromOurPage({ headers }: Request): boolean {
  return headers.origin === `http://${headers.host ?? ''}`;
}
