/** So many of the newest samples of a name are kept, so that a run may last for days. */
const KEPT = 10_000;

/** How long things took, by name: of the newest 10,000 each. All numbers in ms. */
export class Latencies {
  private readonly samples = new Map<string, number[]>();

  add(name: string, ms: number): void {
    const known = this.samples.get(name);
    if (!known) return void this.samples.set(name, [ms]);
    if (known.length === KEPT) known.shift();
    known.push(ms);
  }

  count(name: string): number {
    return this.samples.get(name)?.length ?? 0;
  }

  /** @returns null where nothing was measured */
  percentile(name: string, percent: number): number | null {
    return percentileOf(this.samples.get(name) ?? [], percent);
  }

  /** What came after the first `count` of a name, as far as it is still kept. */
  since(name: string, count: number): number[] {
    return this.samples.get(name)?.slice(count) ?? [];
  }

  names(): string[] {
    return [...this.samples.keys()].sort();
  }
}

/** The value that `percent` (0..100) of them do not exceed (nearest rank); null of none. */
export function percentileOf(values: readonly number[], percent: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? null;
}

export function medianOf(values: readonly number[]): number | null {
  return percentileOf(values, 50);
}
