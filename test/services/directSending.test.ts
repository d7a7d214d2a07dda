/**
 * What a process leased to itself with the transaction that wrote it: it goes out from memory, once, in order,
 * and again where that process died.
 */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { readerOf, sql } from '../../adapters/postgres/database';
import {
  enqueue,
  INSERT_MESSAGES,
  MESSAGE_ROWS,
  messageRows,
  putBack,
  takeDue,
  WRITTEN_MESSAGES,
} from '../../adapters/postgres/outbox';
import { createRelay, type Relay } from '../../adapters/postgres/relay';
import type { Leasing, WrittenMessage } from '../../services/ports';
import { DirectLane, type Slot } from '../../services/outbox/directLane';
import { createLeasing } from '../../services/outbox/leasing';
import { Sending } from '../../services/outbox/sending';
import { SentMarks } from '../../services/outbox/sentMarks';
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

type Process = { relay: Relay; heard: string[] };

/** A process with a relay that tells nobody but us. `act` may fail, or hang. */
function process({
  act = async () => {},
  gatheredMs,
}: { act?: (name: string) => Promise<void>; gatheredMs?: number } = {}): Process {
  const heard: string[] = [];
  const relay = createRelay(
    database.postgres,
    async (message) => {
      await act(nameOf(message));
      heard.push(nameOf(message));
    },
    { warn: () => {} },
    gatheredMs,
  );
  relays.push(relay);
  return { relay, heard };
}

/** Writes messages as a change does, leased by this process; they are not sent before `send`. */
async function written(
  by: Leasing,
  key: string,
  messages: readonly Message[],
  next: 'here' | 'elsewhere' = 'here',
): Promise<{ rows: WrittenMessage[]; send: () => readonly Message[] }> {
  const lease = by.lease(key, 'correlation', messages, next);
  const rows = await readerOf(database.db)<WrittenMessage>({
    text: `${INSERT_MESSAGES} FROM ${MESSAGE_ROWS('$1')} RETURNING ${WRITTEN_MESSAGES}`,
    values: [JSON.stringify(messageRows(key, 'correlation', messages, lease.known))],
  });
  return { rows, send: () => lease.send(rows, {}) };
}

/** As after a commit. */
async function sent(
  { relay }: Process,
  key: string,
  messages: readonly Message[],
  next: 'here' | 'elsewhere' = 'here',
): Promise<readonly Message[]> {
  const { send } = await written(relay, key, messages, next);
  const left = send();
  if (left.length > 0) relay.notify(left);
  return left;
}

const hang = (): Promise<void> => new Promise((resolve) => void held.push(resolve));
const unsent = (): Promise<number> => database.db.outboxMessage.count({ where: { sentAt: null } });
const allSent = (): Promise<true> => eventually('all is sent', async () => (await unsent()) === 0);
const timePasses = (ms: number): Promise<unknown> =>
  readerOf(database.db)(
    sql`UPDATE outbox SET next_at = next_at - ${ms} * interval '1 millisecond' WHERE sent_at IS NULL`,
  );

describe('a message that its own transaction leased', () => {
  test('is sent without being taken, and marked as sent with others', async () => {
    const own = process();
    expect(await sent(own, 'a', [emitOf('a'), sync('driver')])).toEqual([]);
    expect(await sent(own, 'b', [emitOf('b')])).toEqual([]);
    await eventually('all are heard', async () => own.heard.length === 3);
    await allSent();
    const rows = await database.db.outboxMessage.findMany();
    expect(rows.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
    expect(new Set(rows.map(({ sentAt }) => sentAt?.getTime())).size).toBe(1); // by one statement
    expect(own.heard).toHaveLength(3);
  });

  test('is taken by no other process while it is leased', async () => {
    const [own, other] = [process({ act: hang }), process()];
    await sent(own, 'a', [emitOf('a'), sync('driver')]);
    other.relay.notify();
    await sent(other, 'b', [emitOf('b')]);
    await eventually('the other works', async () => other.heard.includes('b'));
    expect(other.heard).toEqual(['b']);
  });

  test('is sent by another process after the lease, where its own died before it sent it', async () => {
    const [dead, other] = [process(), process()];
    await written(dead.relay, 'a', [emitOf('a'), sync('driver')]); // committed, and never heard of again
    other.relay.start();
    await timePasses(9_000);
    other.relay.notify();
    await sent(other, 'b', [emitOf('b')]);
    await eventually('the other works', async () => other.heard.includes('b'));
    expect(other.heard).toEqual(['b']);
    await timePasses(1_100);
    await allSent();
    expect([...other.heard].sort()).toEqual(['a', 'b', 'driver']);
  });

  test('is sent again after the lease, where its own process died before it was marked', async () => {
    const [dead, other] = [process({ gatheredMs: 60_000 }), process()];
    await sent(dead, 'a', [emitOf('a')]);
    await eventually('it is sent', async () => dead.heard.includes('a'));
    other.relay.notify();
    await sent(other, 'b', [emitOf('b')]);
    await eventually('the other works', async () => other.heard.includes('b'));
    expect(other.heard).toEqual(['b']);
    await timePasses(10_100);
    other.relay.notify();
    await allSent();
    expect([...other.heard].sort()).toEqual(['a', 'b']);
  });

  test('is ours for the whole lease, however long its transaction waited for locks', async () => {
    const { relay } = process();
    const { known } = relay.lease('a', 'correlation', [sync('driver')], 'here');
    const remainingMs = await database.db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT pg_sleep(0.4)::text`;
      const [row] = await readerOf(tx)<{ ms: number }>({
        text: `${INSERT_MESSAGES} FROM ${MESSAGE_ROWS('$1')}
          RETURNING (extract(epoch FROM next_at - clock_timestamp()) * 1000)::float8 AS ms`,
        values: [JSON.stringify(messageRows('a', 'correlation', [sync('driver')], known))],
      });
      return row?.ms;
    });
    expect(remainingMs).toBeGreaterThan(9_700);
  });

  test('is not sent by a process that froze beyond its lease', async () => {
    const handled: string[] = [];
    const returned: bigint[] = [];
    const marked: bigint[] = [];
    const now = { ms: 0 };
    const quiet = { warn: () => {} };
    const marks = new SentMarks(async (ids) => void marked.push(...ids), quiet, 60_000);
    const lane = new DirectLane(
      new Sending(
        { putBack: async ({ id }) => void returned.push(id) },
        async (message) => {
          handled.push(nameOf(message));
          now.ms += 6_000;
        },
        quiet,
      ),
      marks,
      quiet,
      () => now.ms,
    );
    const slots = (['emit', 'emit', 'emit', 'syncDriver'] as const).map((kind) =>
      lane.slotFor('a', kind, 'here'),
    );
    const messages = [emitOf('first'), emitOf('second'), emitOf('third'), sync('driver')];
    const sendAt = (index: number): void =>
      slots[index]?.send(
        {
          id: BigInt(index),
          key: 'a',
          correlationId: 'c',
          attempts: 1,
          message: messages[index] ?? sync('none'),
        },
        {},
      );
    [0, 1, 2].forEach(sendAt);
    await eventually('two are sent', async () => handled.length === 2); // 12 s by the clock of the lane
    sendAt(3);
    await lane.stop();
    await marks.stop();
    expect(handled).toEqual(['first', 'second']);
    expect(marked).toEqual([0n, 1n]);
    expect(returned).toEqual([]); // another process may have them by now
  });

  test('stays with the process that took it since, where the first one gives it back late', async () => {
    const own = process();
    const { rows } = await written(own.relay, 'a', [sync('driver')]);
    await timePasses(10_100);
    const read = readerOf(database.db);
    const [taken] = await takeDue(read, ['syncDriver'], 1);
    expect(taken).toMatchObject({ attempts: 2 });
    const id = BigInt(rows[0]?.id ?? 0);
    const late = { id, key: 'a', correlationId: 'correlation', attempts: 1, message: sync('driver') };
    await putBack(database.db, late, 'too slow');
    await timePasses(9_000);
    expect(await takeDue(read, ['syncDriver'], 1)).toEqual([]);
  });

  test('is left to the relay where the lane has enough under way, and still sent', async () => {
    const own = process({ act: hang });
    const names = Array.from({ length: 130 }, (_, at) => `driver-${at}`);
    const lefts: (readonly Message[])[] = [];
    for (const name of names) lefts.push(await sent(own, name, [sync(name)]));
    expect(lefts.filter((left) => left.length > 0).length).toBe(30);
    const releasing = setInterval(() => held.splice(0).forEach((release) => release()), 5);
    await allSent();
    clearInterval(releasing);
    expect([...own.heard].sort()).toEqual([...names].sort());
  });

  test('of a notice waits in the outbox for its turn', async () => {
    const own = process();
    const notice: Message = {
      kind: 'notify',
      notice: {
        to: { kind: 'support' },
        about: 'a',
        what: 'open',
        severity: 'info',
        title: 'a',
        text: 'a',
        link: null,
        cityId: 'city',
        facts: {},
        at: 0,
      },
    };
    expect(await sent(own, 'a', [notice])).toEqual([notice]);
    expect(await database.db.outboxMessage.findFirstOrThrow()).toMatchObject({ attempts: 0 });
  });
});

describe('the order of client events of one key', () => {
  test('is kept while they are on their way', async () => {
    let isSlow = true;
    const own = process({ act: async (name) => (isSlow && name === 'a1' ? hang() : undefined) });
    await sent(own, 'a', [emitOf('a1')]);
    await sent(own, 'a', [emitOf('a2')]);
    await sent(own, 'b', [emitOf('b1')]);
    await eventually('the other key is through', async () => own.heard.includes('b1'));
    expect(own.heard).toEqual(['b1']);
    isSlow = false;
    held.splice(0).forEach((release) => release());
    await allSent();
    expect(own.heard).toEqual(['b1', 'a1', 'a2']);
  });

  test('is kept after a failure, also for what was written while it failed', async () => {
    let isAway = true;
    const own = process({
      act: async (name) => {
        if (isAway && name === 'offered') throw new Error('Redis is away');
      },
    });
    const later = await written(own.relay, 'a', [emitOf('before it')]);
    later.send();
    await sent(own, 'a', [emitOf('offered'), sync('driver')]);
    const during = await written(own.relay, 'a', [emitOf('withdrawn')]);
    await eventually('it failed', async () => (await unsent()) <= 3 && own.heard.includes('driver'));
    during.send();
    await sent(own, 'a', [emitOf('offered to the next')]);
    isAway = false;
    own.relay.start();
    await allSent();
    expect(own.heard.filter((name) => name !== 'driver')).toEqual([
      'before it',
      'offered',
      'withdrawn',
      'offered to the next',
    ]);
  });

  test('is kept between processes: an event is not leased while another process has an earlier one', async () => {
    const [own, other] = [process({ act: hang }), process()];
    await sent(own, 'a', [emitOf('first')]);
    expect(await sent(other, 'a', [emitOf('second'), sync('driver')])).toEqual([emitOf('second')]);
    await eventually('what need not wait has gone', async () => other.heard.includes('driver'));
    expect(other.heard).toEqual(['driver']);
    other.relay.start();
    held.splice(0).forEach((release) => release());
    await allSent();
    expect([own.heard, other.heard]).toEqual([['first'], ['driver', 'second']]);
  });

  test('makes the relay look again soon where an event waits for another process', () => {
    jest.useFakeTimers();
    try {
      const looks: (readonly Message[])[] = [];
      const slot: Slot = { known: [], send: () => {} };
      const lane = { slotFor: () => slot };
      const leasing = createLeasing(
        () => lane,
        (messages) => void looks.push(messages),
      );
      const { send } = leasing.lease('a', 'correlation', [emitOf('a')], 'here');
      expect(send([{ id: '1', kind: 'emit', isLeased: false }], {})).toEqual([emitOf('a')]);
      expect(looks).toEqual([]);
      jest.advanceTimersByTime(450); // the poll looks every 500 ms
      expect(looks).toEqual([[emitOf('a')], [emitOf('a')]]);
    } finally {
      jest.useRealTimers();
    }
  });

  test('costs the next process no wait, where the first knew that it would go on there', async () => {
    const [own, other] = [process(), process()];
    await sent(own, 'a', [emitOf('first')], 'elsewhere');
    await eventually('it is marked', async () => (await unsent()) === 0);
    expect(await sent(other, 'a', [emitOf('second')])).toEqual([]);
  });

  test('is kept beside messages that were never leased', async () => {
    const own = process();
    await enqueue(database.db, 'a', 'correlation', [emitOf('first')]);
    expect(await sent(own, 'a', [emitOf('second')])).toEqual([emitOf('second')]);
    own.relay.start();
    await allSent();
    expect(own.heard).toEqual(['first', 'second']);
  });
});

describe('marks', () => {
  test('of others do not wait for a slow receiver', async () => {
    const own = process({ act: async (name) => (name === 'slow' ? hang() : undefined) });
    await sent(own, 'slow', [sync('slow')]);
    await sent(own, 'quick', [sync('quick')]);
    await eventually('the quick one is marked', async () => (await unsent()) === 1);
    expect(own.heard).toEqual(['quick']);
  });

  test('that the database refused are tried again, and none is lost', async () => {
    const tries: (readonly bigint[])[] = [];
    const marks = new SentMarks(
      async (ids) => {
        tries.push(ids);
        if (tries.length === 1) throw new Error('PostgreSQL is away');
      },
      { warn: () => {} },
      5,
    );
    const settled: bigint[] = [];
    for (const id of [1n, 2n]) marks.add(id, { isUrgent: false, whenMarked: () => void settled.push(id) });
    await eventually('they are marked', async () => settled.length === 2);
    expect(tries).toEqual([
      [1n, 2n],
      [1n, 2n],
    ]);
    await marks.stop();
  });

  test('are not tried for ever by a process that stops', async () => {
    let tries = 0;
    const marks = new SentMarks(
      async () => {
        tries++;
        throw new Error('PostgreSQL is away');
      },
      { warn: () => {} },
      5,
    );
    marks.add(1n, { isUrgent: false, whenMarked: () => undefined });
    await marks.stop();
    const before = tries;
    jest.useFakeTimers();
    try {
      marks.add(2n, { isUrgent: true, whenMarked: () => undefined });
      await jest.advanceTimersByTimeAsync(30);
    } finally {
      jest.useRealTimers();
    }
    expect(tries).toBe(before);
  });

  test('are made before the process stops, and what is under way is finished', async () => {
    const own = process({ act: async (name) => (name === 'slow' ? hang() : undefined) });
    await sent(own, 'a', [sync('slow'), emitOf('a')]);
    const stopped = own.relay.stop();
    expect(own.relay.lease('b', 'correlation', [sync('b')], 'here').known).toEqual([null]);
    await eventually('it is under way', async () => held.length === 1);
    held.splice(0).forEach((release) => release());
    await stopped;
    expect(await unsent()).toBe(0);
    expect(own.heard).toEqual(['a', 'slow']);
  });
});
