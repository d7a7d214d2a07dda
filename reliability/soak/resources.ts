import { type Bound, judge, type Judgement } from './leaks';
import { namesOf, readingsOf, type Sample } from './sample';

/** Counted by the load. */
export const ORDERS = 'load.orders';

/** Follows what is going on; under a steady load that differs by chance. */
const FOLLOWS_LOAD: Bound = { kind: 'level', slack: 10, slackShare: 0.3 };
const SHOWN: Bound = { kind: 'shown' };
/** Nobody adds a row to these while deliveries come and go. */
const KEPT_TABLES = 'cities|zones|merchants|vehicles|drivers|feature_settings|push_subscriptions';

/** What each resource may do, by the form of its name; the first that fits counts. */
const BOUNDS: readonly (readonly [RegExp, Bound])[] = [
  // Processes of ours. Of the heap in use a day may take 150 MB more, which a restart a week would bear; what
  // the process holds is looser, since V8 gives back late.
  [/^(worker|api)\.(heap|external)AfterGcMb$/, { kind: 'memory', mbPerDay: 150, noiseMb: 2 }],
  [/^(worker|api)\.privateMb$/, { kind: 'memory', mbPerDay: 600, noiseMb: 16 }],
  [/^(worker|api)\.(files|threads)$/, { kind: 'level', slack: 8, slackShare: 0.1 }],
  [/^(worker|api)\.(handles|requests)$/, { kind: 'level', slack: 8, slackShare: 0.1 }],
  [/^(worker|api)\.timers$/, { kind: 'level', slack: 8, slackShare: 0.05 }],
  [/^(worker|api)\.series$/, { kind: 'level', slack: 100, slackShare: 0.1 }],
  [/^api\.(sockets|connections)$/, { kind: 'level', slack: 8, slackShare: 0.1 }],
  // CPU for an order: a service that searches ever longer lists takes ever more.
  [/^(worker|api|postgres|redis)\.cpuS$/, { kind: 'per', per: ORDERS, times: 1.5, slack: 0.005 }],
  // Servers. PostgreSQL's buffers fill up to what it was given, so only what each of its processes has for
  // itself counts.
  [/^postgres\.privateMb$/, { kind: 'memory', mbPerDay: 600, noiseMb: 16 }],
  [/^redis\.(privateMb|memory\.usedMb)$/, { kind: 'memory', mbPerDay: 100, noiseMb: 2 }],
  [/^postgres\.processes$/, { kind: 'level', slack: 4, slackShare: 0 }],
  [/^(redis|temporal)\.(files|threads)$/, { kind: 'level', slack: 8, slackShare: 0.1 }],
  // PostgreSQL.
  // Up to the size of the pool, ten, connections come and go as they are needed.
  [/^db\.connections\./, { kind: 'level', slack: 10, slackShare: 0 }],
  [/^db\.(outbox\.unsent|deliveries\.open|offers\.live|drivers\.busy)$/, FOLLOWS_LOAD],
  [new RegExp(`^db\\.mb\\.(${KEPT_TABLES})$`), { kind: 'level', slack: 0.5, slackShare: 0.1 }],
  [/^db\.rows\./, { kind: 'per', per: ORDERS, times: 1.3, slack: 0.05 }],
  [/^db\.mb\./, { kind: 'per', per: ORDERS, times: 1.3, slack: 0.0005 }],
  // Redis.
  // one a caller, and each ends a minute after its first call; that none is without an end is looked at by
  // itself
  [/^redis\.keys\.limit\./, SHOWN],
  [/^redis\.keys\./, { kind: 'level', slack: 2, slackShare: 0 }],
  [/^redis\.clients$/, { kind: 'level', slack: 2, slackShare: 0 }],
  [/^redis\.stream\.positions$/, { kind: 'level', slack: 1_000, slackShare: 0.1 }],
  // Temporal. Ended runs are kept as long as its namespace says.
  [/^temporal\.running\./, FOLLOWS_LOAD],
  [/^temporal\.history\.longestOpen$/, { kind: 'level', slack: 40, slackShare: 0.3 }],
  [
    /^temporal\.ended\.deliveryEvents$/,
    { kind: 'per', per: 'temporal.ended.deliveries', times: 1.3, slack: 0 },
  ],
  [/^temporal\.schedules$/, { kind: 'level', slack: 0, slackShare: 0 }],
];

/** @param name of a resource, as in samples */
export function boundOf(name: string): Bound {
  return BOUNDS.find(([form]) => form.test(name))?.[1] ?? SHOWN;
}

/** Every resource of the samples, judged. */
export function judgeAll(samples: readonly Sample[], warmUpS: number): ReadonlyMap<string, Judgement> {
  return new Map(
    namesOf(samples).map((name) => {
      const bound = boundOf(name);
      return [
        name,
        judge(readingsOf(samples, name), bound, {
          warmUpS,
          per: bound.kind === 'per' ? readingsOf(samples, bound.per) : [],
        }),
      ];
    }),
  );
}

/**
 * Held by connections, requests or deliveries: all of it must be back once those are over. `slack`: what a
 * process opened for itself meanwhile, once.
 */
const BACK_TO: readonly (readonly [RegExp, number])[] = [
  [/^(api\.sockets|temporal\.running\.deliveries)$/, 0],
  [/^db\.(outbox\.unsent|deliveries\.open|offers\.live|drivers\.busy)$/, 0],
  [/^(worker|api)\.(files|handles|timers)$/, 12],
  [/^api\.connections$/, 4],
  [/^redis\.(clients|keys\.forever)$/, 2],
];

/** What did not come back to where it was before the load: a sentence each. */
export function notBack(before: Sample, after: Sample): string[] {
  return Object.entries(after.values).flatMap(([name, value]) => {
    const [, slack] = BACK_TO.find(([form]) => form.test(name)) ?? [];
    const was = before.values[name] ?? 0;
    return slack === undefined || value <= was + slack
      ? []
      : [`${name} did not come back after the load: ${value} are left, of ${was} before it`];
  });
}
