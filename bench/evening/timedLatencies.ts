import { Latencies } from '../../simulator/client/latencies';

/** Something that took `ms` and ended at `at` (epoch ms). */
export type Timed = { at: number; ms: number };

/** Keeps when each latency was measured, too. */
export class TimedLatencies extends Latencies {
  private readonly timed = new Map<string, Timed[]>();

  override add(name: string, ms: number): void {
    super.add(name, ms);
    const known = this.timed.get(name) ?? [];
    known.push({ at: Date.now(), ms });
    this.timed.set(name, known);
  }

  of(name: string): readonly Timed[] {
    return this.timed.get(name) ?? [];
  }
}
