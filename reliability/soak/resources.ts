import { type Bound, judge, type Judgement } from './leaks';
import { namesOf, readingsOf, type Sample } from './sample';

/** Counted by the load generator. */
export const ORDERS = 'load.orders';

/** Varies with current work; under a steady load only by chance. */
const FOLLOWS_LOAD: Bound = { kind: 'level', slack: 10, slackShare: 0.3 };
const SHOWN: Bound = { kind: 'shown' };
/** Tables that deliveries add no rows to. */
const KEPT_TABLES = 'cities|zones|merchants|vehicles|drivers|feature_settings|push_subscriptions';

/** The bound of each resource, by name; the first match counts. */
const BOUNDS: readonly (readonly [RegExp, Bound])[] = [
  // Our processes. The live heap may grow by 150 MB a day, which a weekly restart would absorb. The memory of
  // the process has a looser bound, since V8 returns memory late.
  [/^(worker|api)\.(heap|external)AfterGcMb$/, { kind: 'memory', mbPerDay: 150, noiseMb: 2 }],
  [/^(worker|api)\.privateMb$/, { kind: 'memory', mbPerDay: 600, noiseMb: 16 }],
  [/^(worker|api)\.(files|threads)$/, { kind: 'level', slack: 8, slackShare: 0.1 }],
  [/^(worker|api)\.(handles|requests)$/, { kind: 'level', slack: 8, slackShare: 0.1 }],
  [/^(worker|api)\.timers$/, { kind: 'level', slack: 8, slackShare: 0.05 }],
  [/^(worker|api)\.series$/, { kind: 'level', slack: 100, slackShare: 0.1 }],
  [/^api\.(sockets|connections)$/, { kind: 'level', slack: 8, slackShare: 0.1 }],
  // CPU for each order: it rises where a service scans growing lists.
  [/^(worker|api|postgres|redis)\.cpuS$/, { kind: 'per', per: ORDERS, times: 1.5, slack: 0.005 }],
  // Servers. PostgreSQL's shared buffers fill up to their limit, so only the private memory of its processes
  // counts.
  [/^postgres\.privateMb$/, { kind: 'memory', mbPerDay: 600, noiseMb: 16 }],
  [/^redis\.(privateMb|memory\.usedMb)$/, { kind: 'memory', mbPerDay: 100, noiseMb: 2 }],
  [/^postgres\.processes$/, { kind: 'level', slack: 4, slackShare: 0 }],
  [/^(redis|temporal)\.(files|threads)$/, { kind: 'level', slack: 8, slackShare: 0.1 }],
  // Connections vary up to the size of the pool, ten.
  [/^db\.connections\./, { kind: 'level', slack: 10, slackShare: 0 }],
  [/^db\.(outbox\.unsent|deliveries\.open|offers\.live|drivers\.busy)$/, FOLLOWS_LOAD],
  [new RegExp(`^db\\.mb\\.(${KEPT_TABLES})$`), { kind: 'level', slack: 0.5, slackShare: 0.1 }],
  [/^db\.rows\./, { kind: 'per', per: ORDERS, times: 1.3, slack: 0.05 }],
  [/^db\.mb\./, { kind: 'per', per: ORDERS, times: 1.3, slack: 0.0005 }],
  // One per caller, each with an expiry of a minute; keys without expiry are judged separately.
  [/^redis\.keys\.limit\./, SHOWN],
  [/^redis\.keys\./, { kind: 'level', slack: 2, slackShare: 0 }],
  [/^redis\.clients$/, { kind: 'level', slack: 2, slackShare: 0 }],
  [/^redis\.stream\.positions$/, { kind: 'level', slack: 1_000, slackShare: 0.1 }],
  // Closed runs are kept for the retention of the namespace.
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

/** The verdict on every resource of the samples. */
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
 * Resources held by connections, requests or deliveries: they must be released once those end. `slack`: what
 * a process opens once and keeps.
 */
const RELEASED_RESOURCES: readonly (readonly [RegExp, number])[] = [
  [/^(api\.sockets|temporal\.running\.deliveries)$/, 0],
  [/^db\.(outbox\.unsent|deliveries\.open|offers\.live|drivers\.busy)$/, 0],
  [/^(worker|api)\.(files|handles|timers)$/, 12],
  [/^api\.connections$/, 4],
  [/^redis\.(clients|keys\.forever)$/, 2],
];

/** Resources that were not released after the load, one sentence each. */
export function unreleased(before: Sample, after: Sample): string[] {
  return Object.entries(after.values).flatMap(([name, value]) => {
    const [, slack] = RELEASED_RESOURCES.find(([form]) => form.test(name)) ?? [];
    const was = before.values[name] ?? 0;
    return slack === undefined || value <= was + slack
      ? []
      : [`${name} was not released after the load: ${value} left, ${was} before it`];
  });
}
