/**
 * The performance floor of bench -- positions: Express and Redis alone. Takes the same pings at the same
 * paths as the service, parses them, stores them in one pipeline without validation or authentication, and
 * answers the same.
 */
import express, { type Request, type Response } from 'express';
import { Redis } from 'ioredis';

type SentPosition = Record<string, unknown> & { lat: number; lng: number };

const [redisUrl = ''] = process.argv.slice(2);
const redis = new Redis(redisUrl, { enableAutoPipelining: true });

/** The live position, the last-seen time, and each position as history, as the service stores them. */
async function keep(driverId: string, fixes: readonly SentPosition[]): Promise<void> {
  const last = fixes.at(-1);
  if (!last) return;
  const now = Date.now();
  const pipeline = redis
    .pipeline()
    .geoadd('bare:drivers', last.lng, last.lat, driverId)
    .hset(
      `bare:driver:${driverId}`,
      'lat',
      last.lat,
      'lng',
      last.lng,
      'at',
      String(last.at ?? last.timestamp),
      'seen',
      now,
    )
    .zadd('bare:seen', now, driverId);
  for (const fix of fixes)
    pipeline.xadd(
      'bare:positions',
      'MAXLEN',
      '~',
      200_000,
      '*',
      'driver',
      driverId,
      'fix',
      JSON.stringify(fix),
    );
  await pipeline.exec();
}

async function answer(
  request: Request<{ id: string }, unknown, SentPosition & { fixes?: SentPosition[] }>,
  response: Response,
): Promise<void> {
  const fixes = request.body.fixes ?? [request.body];
  await keep(request.params.id, fixes);
  response.json({ recorded: fixes.length });
}

const app = express().use(express.json());
app.post('/drivers/:id/location', answer);
app.post('/v2/drivers/:id/location', answer);

const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const say = (): void => {
    const { user, system } = process.cpuUsage();
    process.send?.({ port, cpuSeconds: (user + system) / 1e6 });
  };
  process.on('message', say);
  say();
});
// The parent has exited.
process.once('disconnect', () => process.exit(0));
