/** Values of resources by name. */
export type Values = Readonly<Record<string, number>>;

/** All values at one moment. `at`: seconds since the load began, negative before. */
export type Sample = { at: number; values: Values };

/** The readings of one resource in order of time; samples without it are left out. */
export function readingsOf(samples: readonly Sample[], name: string): { at: number; value: number }[] {
  return samples.flatMap(({ at, values }) =>
    values[name] === undefined ? [] : [{ at, value: values[name] }],
  );
}

/** The names of all resources, in order of first appearance. */
export function namesOf(samples: readonly Sample[]): string[] {
  return [...new Set(samples.flatMap(({ values }) => Object.keys(values)))];
}

/** The same values, with `prefix` before each name. */
export function under(prefix: string, values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));
}
