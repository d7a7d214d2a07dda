import { gunzipSync } from 'node:zlib';
import { temporal } from '@temporalio/proto';

const { PollActivityTaskQueueRequest, RespondWorkflowTaskCompletedRequest } = temporal.api.workflowservice.v1;
type Task = temporal.api.workflowservice.v1.IPollActivityTaskQueueResponse;

/** The activity that is a round of a city's matching, as the service names it. */
const ROUND = 'runRound';

/**
 * What passes between Temporal and workers about rounds of matching: rounds can be held back, as where a worker takes
 * one and never answers, and it is known which process was handed one.
 */
export class RoundTraffic {
  private holders = 0;
  private readonly listeners = new Set<(pid: number) => void>();

  /** Workers are handed no rounds, which have begun for Temporal, until the returned function is called. */
  hold(): () => void {
    this.holders += 1;
    return () => void (this.holders -= 1);
  }

  /** Calls the listener with the process that is handed a round, until the returned function is called. */
  onRound(listener: (pid: number) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Whether answers that hand out activities have to be read at all. */
  get isWatched(): boolean {
    return this.holders > 0 || this.listeners.size > 0;
  }

  /**
   * @param answer as decoded; rounds are taken out of it while they are held back
   * @param request the message that it answers, with its prefix
   */
  pass(answer: object, request: Buffer): void {
    const isRound = (task: Task): boolean => task.activityType?.name === ROUND;
    const handing = handingOf(answer);
    if (!handing?.tasks.some(isRound)) return;
    const pid = this.listeners.size > 0 ? pidIn(request, handing.callerOf) : undefined;
    if (pid !== undefined) for (const listener of this.listeners) listener(pid);
    if (this.holders > 0) handing.takeOut(isRound);
  }
}

type Handed = { tasks: Task[]; takeOut: (isTaken: (task: Task) => boolean) => void; callerOf: CallerOf };
type CallerOf = (request: Uint8Array) => string;

/** A poll is answered with one activity; the end of a workflow task, with those that it has scheduled. */
function handingOf(answer: object): Handed | undefined {
  if (handsTasks(answer)) {
    const tasks = answer.activityTasks;
    return {
      tasks,
      takeOut: (isTaken) => {
        answer.activityTasks = tasks.filter((task) => !isTaken(task));
      },
      callerOf: (request) => RespondWorkflowTaskCompletedRequest.decode(request).identity,
    };
  }
  if (isActivity(answer))
    return {
      tasks: [answer],
      takeOut: () => {
        for (const name of Object.keys(answer)) Reflect.deleteProperty(answer, name);
      },
      callerOf: (request) => PollActivityTaskQueueRequest.decode(request).identity,
    };
  return undefined;
}

function handsTasks(answer: object): answer is { activityTasks: Task[] } {
  return 'activityTasks' in answer && Array.isArray(answer.activityTasks);
}

function isActivity(answer: object): answer is Task {
  return 'activityType' in answer;
}

const PREFIX_BYTES = 5;
const COMPRESSED = 1;

/** @returns undefined where the request is not whole, or names no process */
function pidIn(request: Buffer, callerOf: CallerOf): number | undefined {
  const bytes = request.subarray(PREFIX_BYTES);
  if (request.length < PREFIX_BYTES || bytes.length !== request.readUInt32BE(1)) return undefined;
  const pid = /^(\d+)@/.exec(callerOf(request[0] === COMPRESSED ? gunzipSync(bytes) : bytes))?.[1];
  return pid === undefined ? undefined : Number(pid);
}
