import { Redis } from 'ioredis';
import type { Values } from './sample';

const MB = 1_048_576;
const PAGE = 1_000;
const STREAM = 'positions';

/** The keys in Redis, read through its own connection. */
export class Keys {
  private readonly redis: Redis;

  constructor(url: string) {
    this.redis = new Redis(url);
  }

  close(): void {
    this.redis.disconnect();
  }

  /** The run id of the server; it changes with a restart. */
  async runId(): Promise<string> {
    return fact(await this.redis.info('server'), 'run_id');
  }

  async read(): Promise<Values> {
    const { redis } = this;
    const [memory, clients, streamed, streamBytes, kinds, forever] = [
      await redis.info('memory'),
      await redis.info('clients'),
      await redis.xlen(STREAM),
      Number((await redis.memory('USAGE', STREAM)) ?? 0),
      ...(await this.kinds()),
    ];
    return {
      'memory.usedMb': Number(fact(memory, 'used_memory')) / MB,
      'memory.streamMb': streamBytes / MB,
      clients: Number(fact(clients, 'connected_clients')),
      'stream.positions': streamed,
      'keys.forever': forever,
      ...Object.fromEntries([...kinds].map(([kind, count]) => [`keys.${kind}`, count])),
    };
  }

  /** The number of keys of each kind, and of keys without expiry. */
  private async kinds(): Promise<[Map<string, number>, number]> {
    const counts = new Map<string, number>();
    let forever = 0;
    let cursor = '0';
    do {
      const [next, keys] = await this.redis.scan(cursor, 'COUNT', PAGE);
      for (const key of keys) counts.set(kindOf(key), (counts.get(kindOf(key)) ?? 0) + 1);
      const ends = await Promise.all(keys.map((key) => this.redis.ttl(key)));
      forever += ends.filter((seconds) => seconds === -1).length;
      cursor = next;
    } while (cursor !== '0');
    return [counts, forever];
  }
}

/**
 * The kind of a key is its name without ids: `driver:7f…` is `driver`, `limit:ops:ops:olga` is `limit.ops`.
 */
export function kindOf(key: string): string {
  const [first = key, second] = key.split(':');
  return first === 'limit' && second !== undefined ? `${first}.${second}` : first;
}

function fact(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
}
