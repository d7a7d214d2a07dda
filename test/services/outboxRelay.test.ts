/**
 * What a transaction put into the outbox reaches the world: at once, at least once, in order, whoever dies on
 * the way.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { readerOf } from '../../adapters/postgres/database';
import { enqueue, markSent, outboxBacklog, putBack, takeDue } from '../../adapters/postgres/outbox';
import { createRelay, type Relay } from '../../adapters/postgres/relay';
import { OutboxRelay } from '../../services/outbox/outboxRelay';
import type { MessageHandler } from '../../services/outbox/sending';
import type { Message } from '../../domain/notices/message';
import { freshDatabase, type FreshDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { emitOf, nameOf, syncOf } from '../support/outboxMessages';

let database: FreshDatabase;
const relays: Pick<Relay, 'stop'>[] = [];
/** What ends each sending that a test holds up. */
const held: (() => void)[] = [];
beforeAll(async () => {
  database = await freshDatabase({ poolSize: 10 });
});
afterAll(() => database.close());
afterEach(async () => {
  held.splice(0).forEach((release) => release());
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await database.db.outboxMessage.deleteMany();
});

const sync = syncOf;
const start = (deliveryId: string): Message => ({ kind: 'startDelivery', deliveryId });

/** A relay that tells nobody but us. `act` may fail. */
function relay(act: (name: string) => Promise<void> = async () => {}): {
  relay: Relay;
  heard: string[];
  warnings: object[];
} {
  const [heard, warnings]: [string[], object[]] = [[], []];
  const handle: MessageHandler = async (message) => {
    await act(nameOf(message));
    heard.push(nameOf(message));
  };
  const made = createRelay(database.postgres, handle, { warn: (fields) => void warnings.push(fields) });
  relays.push(made);
  return { relay: made, heard, warnings };
}

const put = (key: string, ...messages: Message[]): Promise<void> =>
  enqueue(database.db, key, 'correlation', messages);
const unsent = (): Promise<number> => database.db.outboxMessage.count({ where: { sentAt: null } });
const allSent = (): Promise<true> => eventually('all is sent', async () => (await unsent()) === 0);
const rowOf = (name: string) =>
  database.db.outboxMessage.findFirstOrThrow({ where: { payload: { path: ['driverId'], equals: name } } });
/** As if so much time had passed. */
const timePasses = (ms: number): Promise<unknown> =>
  database.db
    .$executeRaw`UPDATE outbox SET next_at = next_at - ${ms} * interval '1 millisecond' WHERE sent_at IS NULL`;
const EMITS = ['emit', 'syncDriver'] as const;

describe('a message', () => {
  test('is sent at once after notifyRelay, without waiting for the poll', async () => {
    const { relay: idle, heard } = relay(); // never started: it does not poll
    await put('key', emitOf('a'));
    idle.notify();
    await eventually('it is sent', async () => heard.includes('a'));
  });

  test('is found by the poll if the relay was not notified', async () => {
    const { relay: polling, heard } = relay();
    polling.start();
    await put('key', emitOf('a'), start('d'));
    await allSent();
    expect(heard).toHaveLength(2);
  });

  test('carries its correlation id and is marked as sent once', async () => {
    const seen: string[] = [];
    const own = createRelay(
      database.postgres,
      async (_message, correlationId) => void seen.push(correlationId),
      { warn: () => {} },
    );
    relays.push(own);
    await put('key', sync('a'));
    own.notify();
    await allSent();
    expect(seen).toEqual(['correlation']);
    expect(await rowOf('a')).toMatchObject({ attempts: 1, lastError: null });
  });

  test('that was rolled back is never sent', async () => {
    const { relay: own, heard } = relay();
    await expect(
      database.db.$transaction(async (tx) => {
        await enqueue(tx, 'key', 'correlation', [emitOf('never')]);
        throw new Error('the change failed');
      }),
    ).rejects.toThrow('the change failed');
    await put('key', emitOf('after'));
    own.notify();
    await allSent();
    expect(heard).toEqual(['after']);
  });

  test('backlog larger than a batch is sent after one notifyRelay', async () => {
    const { relay: own, heard } = relay();
    await put('key', ...Array.from({ length: 250 }, (_, index) => emitOf(String(index))));
    own.notify();
    await allSent();
    expect(heard).toEqual(Array.from({ length: 250 }, (_, index) => String(index)));
  });
});

describe('order', () => {
  test('is kept within a key, and no key waits for another', async () => {
    const slow = { a: Promise.resolve(), release: (): void => {} };
    slow.a = new Promise((resolve) => {
      slow.release = resolve;
    });
    const { relay: own, heard } = relay((name) => (name === 'a1' ? slow.a : Promise.resolve()));
    await put('a', emitOf('a1'), emitOf('a2'));
    await put('b', emitOf('b1'), emitOf('b2'));
    own.notify();
    await eventually('the other key is through', async () => heard.length === 2);
    expect(heard).toEqual(['b1', 'b2']);
    slow.release();
    await allSent();
    expect(heard).toEqual(['b1', 'b2', 'a1', 'a2']);
  });

  test('is kept after a failure: later client events wait, other messages do not', async () => {
    let isAway = true;
    const { relay: own, heard } = relay(async (name) => {
      if (isAway && name === 'offered') throw new Error('Redis is away');
    });
    await put('key', emitOf('offered'), emitOf('withdrawn'), sync('driver'));
    own.notify();
    await eventually('what may go has gone', async () => (await unsent()) === 2);
    await put('key', emitOf('offered to the next'));
    isAway = false;
    own.start();
    await allSent();
    expect(heard).toEqual(['driver', 'offered', 'withdrawn', 'offered to the next']);
  });

  test('is kept between processes: each waits for what the others send', async () => {
    await put('key', emitOf('first'));
    const [first] = await takeDue(readerOf(database.db), EMITS, 10);
    await put('key', emitOf('second'));
    await put('other', emitOf('third'));
    expect((await takeDue(readerOf(database.db), EMITS, 10)).map(({ message }) => nameOf(message))).toEqual([
      'third',
    ]);
    await markSent(readerOf(database.db), first ? [first.id] : []);
    expect((await takeDue(readerOf(database.db), EMITS, 10)).map(({ message }) => nameOf(message))).toEqual([
      'second',
    ]);
  });
});

describe('a failure', () => {
  test('puts the message back with its error, and it is sent later', async () => {
    let failures = 3;
    const {
      relay: own,
      heard,
      warnings,
    } = relay(async () => {
      if (failures-- > 0) throw new Error('Temporal is away');
    });
    await put('key', sync('a'));
    own.notify();
    await eventually('it was put back', async () => (await rowOf('a')).lastError === 'Temporal is away');
    own.start();
    await allSent();
    expect(heard).toEqual(['a']);
    expect(warnings).toHaveLength(3);
    expect(await rowOf('a')).toMatchObject({ attempts: 4, lastError: null });
  });

  test('doubles the delay each time, up to half a minute', async () => {
    await put('key', sync('a'));
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 12; attempt += 1) {
      const [taken] = await takeDue(readerOf(database.db), EMITS, 1);
      if (!taken) throw new Error('it was not due');
      const [row] = await database.db.$transaction(async (tx) => {
        // within a transaction the time stands
        await putBack(tx, taken, 'away');
        return tx.$queryRaw<
          { waits: number }[]
        >`SELECT round(extract(epoch FROM next_at - now()) * 1000)::int AS waits FROM outbox`;
      });
      waits.push(row?.waits ?? 0);
      await timePasses(60_000);
    }
    const wanted = [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000, 30_000];
    // rows hold whole ms
    waits.forEach((wait, index) => expect(Math.abs(wait - (wanted[index] ?? 0))).toBeLessThanOrEqual(1));
  });

  test('of one key delays no other key, and of one lane no other lane', async () => {
    const { relay: own, heard } = relay(async (name) => {
      if (name === 'bad') throw new Error('bad');
    });
    await put('bad', emitOf('bad'));
    await put('good', emitOf('good'), start('d'));
    own.notify();
    await eventually('only the bad one is left', async () => (await unsent()) === 1);
    expect(heard).toHaveLength(2);
  });

  test('of the database is retried by the poll', async () => {
    const { relay: own, heard, warnings } = relay();
    await put('key', emitOf('a'));
    const owner = new Client({ connectionString: database.ownerUrl });
    await owner.connect();
    await owner.query('ALTER TABLE outbox RENAME TO hidden');
    own.start();
    await eventually('the poll fails', async () => warnings.length > 1);
    await owner.query('ALTER TABLE hidden RENAME TO outbox');
    await owner.end();
    await allSent();
    expect(heard).toEqual(['a']);
  });

  test('of the database while messages are taken is retried at the next notifyRelay', async () => {
    let [isAway, warned] = [true, 0];
    const heard: string[] = [];
    const own = new OutboxRelay(
      {
        takeDue: async (limit) => {
          if (isAway) throw new Error('PostgreSQL is away');
          return takeDue(readerOf(database.db), EMITS, limit);
        },
        markSent: (ids) => markSent(readerOf(database.db), ids),
        putBack: (message, error) => putBack(database.db, message, error),
      },
      async (message) => void heard.push(nameOf(message)),
      { warn: () => void (warned += 1) },
    );
    await put('key', emitOf('a'));
    own.notify();
    await eventually('it fails', async () => warned > 0);
    isAway = false;
    own.notify();
    await allSent();
    expect(heard).toEqual(['a']);
    await own.stop();
  });
});

test('a message enqueued now is due, although its time is rounded up to the next ms', async () => {
  const taken = await database.db.$transaction(async (tx) => {
    await put('key', emitOf('a'));
    // Within a transaction the time stands.
    await tx.$executeRaw`
      UPDATE outbox SET next_at = date_trunc('milliseconds', now()) + interval '1 millisecond'
      WHERE sent_at IS NULL`;
    return takeDue(readerOf(tx), EMITS, 10);
  });
  expect(taken).toHaveLength(1);
  await markSent(
    readerOf(database.db),
    taken.map(({ id }) => id),
  );
});

test('takes at most the requested number even when the planner statistics say the table is empty', async () => {
  await database.db.outboxMessage.deleteMany();
  const owner = new Client({ connectionString: database.ownerUrl });
  await owner.connect();
  await put('key', sync('dead row'));
  await database.db.outboxMessage.deleteMany();
  await owner.query('ANALYZE outbox'); // as autovacuum does, at an instant when nothing lay there
  await owner.end();
  await put('key', ...Array.from({ length: 40 }, (_, index) => sync(`driver-${index}`)));
  expect(await takeDue(readerOf(database.db), EMITS, 5)).toHaveLength(5);
});

describe('a lane without batches', () => {
  /** Never started, so that it finds nothing by itself. `taken`: what each look came to. */
  function lane(
    atOnce: number,
    act: () => Promise<void> = async () => {},
  ): { own: OutboxRelay; heard: string[]; taken: number[] } {
    const [heard, taken]: [string[], number[]] = [[], []];
    const own = new OutboxRelay(
      {
        takeDue: async (limit) => {
          const found = await takeDue(readerOf(database.db), EMITS, limit);
          taken.push(found.length);
          return found;
        },
        markSent: (ids) => markSent(readerOf(database.db), ids),
        putBack: (message, error) => putBack(database.db, message, error),
      },
      async (message) => {
        await act();
        heard.push(nameOf(message));
      },
      { warn: () => {} },
      { atOnce },
    );
    relays.push(own);
    return { own, heard, taken };
  }

  test('takes more as soon as one message of a full take is done, without waiting for the poll', async () => {
    const { own, heard } = lane(5);
    const names = Array.from({ length: 23 }, (_, index) => `driver-${index}`);
    await put('key', ...names.map(sync));
    own.notify();
    await allSent();
    expect([...heard].sort()).toEqual([...names].sort());
  });

  test('does so while others hang, and keeps the concurrency limit', async () => {
    const { own, heard, taken } = lane(
      2,
      () =>
        new Promise((resolve) => {
          held.push(resolve);
        }),
    );
    await put('key', sync('a'), sync('b'), sync('c'));
    own.notify();
    await eventually('two are under way', async () => held.length === 2);
    expect(taken).toEqual([2]);
    held[0]?.();
    await eventually('so is the third', async () => held.length === 3);
    expect(taken).toEqual([2, 1]);
    expect(heard).toHaveLength(1);
    held.forEach((release) => release());
    await allSent();
  });

  test('does not query again after a take that left nothing', async () => {
    const { own, taken } = lane(5);
    await put('key', sync('a'), sync('b'));
    own.notify();
    await allSent();
    await own.stop();
    expect(taken).toEqual([2]);
  });
});

describe('several relays', () => {
  test('side by side send each message once', async () => {
    const three = [relay(), relay(), relay()];
    const names = Array.from({ length: 600 }, (_, index) => String(index));
    for (let from = 0; from < names.length; from += 20) {
      await put(`key-${from % 7}`, ...names.slice(from, from + 20).map(sync));
      three.forEach((each) => each.relay.notify());
    }
    three.forEach((each) => each.relay.start());
    await allSent();
    expect(three.flatMap(({ heard }) => heard).sort()).toEqual([...names].sort());
  });

  test('take over from a dead relay once its lease expires, not before', async () => {
    await put('key', sync('a'));
    // and its taker is never heard of again
    expect(await takeDue(readerOf(database.db), EMITS, 10)).toHaveLength(1);
    await timePasses(9_000);
    const { relay: other, heard } = relay();
    other.start();
    other.notify();
    expect(await takeDue(readerOf(database.db), EMITS, 10)).toEqual([]);
    expect(heard).toEqual([]);
    await timePasses(1_100);
    await allSent();
    expect(heard).toEqual(['a']);
    expect(await rowOf('a')).toMatchObject({ attempts: 2 });
  });
});

describe('stopping', () => {
  test('finishes messages in progress and sends none after', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { relay: own, heard } = relay(async (name) => {
      if (name === 'slow') await held;
    });
    await put('key', sync('slow'));
    own.start();
    own.notify();
    await eventually('it is under way', async () => (await rowOf('slow')).attempts === 1);
    let isStopped = false;
    const stopped = own.stop().then(() => {
      isStopped = true;
    });
    await put('key', sync('late'));
    own.notify();
    expect(isStopped).toBe(false);
    release();
    await stopped;
    expect(heard).toEqual(['slow']);
    expect((await rowOf('slow')).sentAt).not.toBeNull();
    expect(await rowOf('late')).toMatchObject({ sentAt: null, attempts: 0 });
  });

  test('twice is harmless', async () => {
    const { relay: own } = relay();
    own.start();
    await Promise.all([own.stop(), own.stop()]);
  });
});

test('the backlog has the number and age of waiting messages', async () => {
  expect(await outboxBacklog(database.db)).toEqual({ unsent: 0, oldestMs: 0 });
  await put('key', sync('a'), sync('b'));
  await database.db
    .$executeRaw`UPDATE outbox SET created_at = now() - interval '5 seconds' WHERE payload->>'driverId' = 'a'`;
  const { unsent: count, oldestMs } = await outboxBacklog(database.db);
  expect(count).toBe(2);
  expect(oldestMs).toBeGreaterThanOrEqual(5_000);
  expect(oldestMs).toBeLessThan(15_000);
});
