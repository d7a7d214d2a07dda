/** Rounds of matching on their way to workers: held back, and whose they are. */
import { gzipSync } from 'node:zlib';
import { temporal } from '@temporalio/proto';
import { expect, test } from '@jest/globals';
import type { CityRounds } from '../../services/matching/cityRounds';
import { RoundTraffic } from '../../reliability/chaos/roundTraffic';

const {
  PollActivityTaskQueueRequest,
  PollActivityTaskQueueResponse,
  RespondWorkflowTaskCompletedRequest,
  RespondWorkflowTaskCompletedResponse,
} = temporal.api.workflowservice.v1;

/** The service's own name for it. */
const ROUND: keyof CityRounds = 'runRound';
const task = (name: string) => ({ taskToken: Buffer.from(name), activityType: { name } });
const polled = (name: string) => PollActivityTaskQueueResponse.fromObject(task(name));
const completed = (...names: string[]) =>
  RespondWorkflowTaskCompletedResponse.fromObject({ activityTasks: names.map(task) });

function framed(bytes: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  const body = isCompressed ? gzipSync(bytes) : bytes;
  prefix.writeUInt8(isCompressed ? 1 : 0);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}
const POLL = framed(PollActivityTaskQueueRequest.encode({ identity: '41@vm' }).finish());
const COMPLETE = framed(RespondWorkflowTaskCompletedRequest.encode({ identity: '42@vm' }).finish(), true);

test('is not read unless somebody asks for it', () => {
  const rounds = new RoundTraffic();
  expect(rounds.isWatched).toBe(false);
  const end = rounds.hold();
  expect(rounds.isWatched).toBe(true);
  end();
  const forget = rounds.onRound(() => undefined);
  expect(rounds.isWatched).toBe(true);
  forget();
  expect(rounds.isWatched).toBe(false);
});

test('held back, a round that is polled for is no task, and other activities pass', () => {
  const rounds = new RoundTraffic();
  const end = rounds.hold();
  const [round, sweep] = [polled(ROUND), polled('sweepOpenRows')];
  rounds.pass(round, POLL);
  rounds.pass(sweep, POLL);
  expect(PollActivityTaskQueueResponse.encode(round).finish()).toHaveLength(0);
  expect(sweep.activityType?.name).toBe('sweepOpenRows');
  end();
  const after = polled(ROUND);
  rounds.pass(after, POLL);
  expect(after.activityType?.name).toBe('runRound');
});

test('held back, a round is taken out of what a worker is handed with the end of a workflow task', () => {
  const rounds = new RoundTraffic();
  rounds.hold();
  const answer = completed(ROUND, 'other');
  rounds.pass(answer, COMPLETE);
  expect(answer.activityTasks.map(({ activityType }) => activityType?.name)).toEqual(['other']);
});

test('says which process is handed a round, by either way', () => {
  const rounds = new RoundTraffic();
  const pids: number[] = [];
  rounds.onRound((pid) => pids.push(pid));
  rounds.pass(polled(ROUND), POLL);
  rounds.pass(polled('other'), POLL);
  rounds.pass(completed(ROUND), COMPLETE);
  rounds.pass(polled(ROUND), POLL.subarray(0, 7)); // a request that was cut off
  expect(pids).toEqual([41, 42]);
});
