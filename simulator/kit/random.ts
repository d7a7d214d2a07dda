/** A stream of random draws. The same seed gives the same draws, so a run can be repeated. */
export type Random = {
  /** From 0 (included) to 1 (not included). */
  next(): number;
  between(min: number, max: number): number;
  /** True with this likelihood, 0..1. */
  chance(likelihood: number): boolean;
  /** One of the items. @throws Error if there are none */
  pick<T>(from: readonly T[]): T;
  /**
   * A separate stream for a part of the run. The draws of one part do not change those of another.
   */
  stream(name: string): Random;
};

/** @param seed any text; the same text always gives the same draws */
export function randomFrom(seed: string): Random {
  let state = seedOf(seed);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    return mulberry(state) / 2 ** 32;
  };
  return {
    next,
    between: (min, max) => min + next() * (max - min),
    chance: (likelihood) => next() < likelihood,
    pick: (from) => pickFrom(from, next()),
    stream: (name) => randomFrom(`${seed}/${name}`),
  };
}

/**
 * Deals a whole pack in random order, then deals it again. Even a few deals keep the shares of the pack.
 * @throws Error if the pack is empty
 */
export function dealer<T>(pack: readonly T[], random: Random): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...pack];
    const card = random.pick(left);
    left.splice(left.indexOf(card), 1);
    return card;
  };
}

function pickFrom<T>(from: readonly T[], draw: number): T {
  const picked = from[Math.floor(draw * from.length)];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
}

/** FNV-1a. */
function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}

/** The mixing step of mulberry32. */
function mulberry(state: number): number {
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return (t ^ (t >>> 14)) >>> 0;
}
