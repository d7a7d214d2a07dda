/** Resources by name, each with what it is now. */
export type Values = Readonly<Record<string, number>>;

/** All that was seen at one moment. `at`: s since the load began, negative before. */
export type Sample = { at: number; values: Values };

/** The readings of one resource, in order of time; samples that do not have it are left out. */
export function readingsOf(samples: readonly Sample[], name: string): { at: number; value: number }[] {
  return samples.flatMap(({ at, values }) =>
    values[name] === undefined ? [] : [{ at, value: values[name] }],
  );
}

/** Each name under which anything was read, in the order of the first time. */
export function namesOf(samples: readonly Sample[]): string[] {
  return [...new Set(samples.flatMap(({ values }) => Object.keys(values)))];
}

/** The same values under names that begin with `prefix`. */
export function under(prefix: string, values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));
}
