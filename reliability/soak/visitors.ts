import { connectEvents } from '@driver-service/api-client';
import type { Connections } from '../../simulator/client/connections';
import type { Holder } from '../../simulator/client/tokens';
import { DEMO_CITY, DEMO_SHOPS } from '../../simulator/demo/city';
import { pause } from '../../simulator/kit/pause';
import type { Random } from '../../simulator/kit/random';

export type VisitorsDeps = {
  connections: Connections;
  driverIds: readonly string[];
  random: Random;
  log: (line: string) => void;
};

/** How long a visitor stays, in ms. One in four leaves while the server is still authenticating them. */
const STAY_MS = { min: 500, max: 8_000 };
const HASTY_ODDS = 0.25;
const HASTY_MS = 30;

/**
 * Sockets that open and close: ops screens, merchants, drivers with a second device, and clients with an
 * invalid token.
 */
export class Visitors {
  visits = 0;
  refused = 0;
  private readonly staying = new Set<Promise<void>>();

  constructor(private readonly deps: VisitorsDeps) {}

  /** Adds a visitor every `everyMs` until the signal. Resolves when all have left. */
  async come(everyMs: number, signal: AbortSignal): Promise<void> {
    while (await pause(everyMs, signal)) {
      const visit = this.visit(signal).catch(
        (error: unknown) => void (signal.aborted || this.deps.log(`a visitor: ${String(error)}`)),
      );
      this.staying.add(visit);
      void visit.finally(() => this.staying.delete(visit));
    }
    await Promise.all(this.staying);
  }

  private async visit(signal: AbortSignal): Promise<void> {
    const { random } = this.deps;
    this.visits += 1;
    const holder = this.anybody();
    if (holder === 'stranger') return this.knock();
    const isHasty = random.chance(HASTY_ODDS);
    const [, screen] = await Promise.all([
      this.look(
        holder,
        isHasty ? random.between(0, HASTY_MS) : random.between(STAY_MS.min, STAY_MS.max),
        signal,
      ),
      isHasty ? undefined : this.read(holder),
    ]);
    if (screen === false) this.refused += 1;
  }

  private anybody(): Holder | 'stranger' {
    const { random, driverIds } = this.deps;
    const kind = random.pick(['ops', 'ops', 'merchant', 'driver', 'stranger'] as const);
    switch (kind) {
      case 'ops':
        return { role: 'ops', name: `visitor-${Math.floor(random.between(0, 10))}`, cities: '*' };
      case 'merchant':
        return { role: 'merchant', merchantId: random.pick(DEMO_SHOPS).merchantId };
      case 'driver':
        return { role: 'driver', driverId: random.pick(driverIds) };
      case 'stranger':
        return kind;
    }
  }

  private async look(holder: Holder, forMs: number, signal: AbortSignal): Promise<void> {
    const { connections } = this.deps;
    const socket = connectEvents({ baseUrl: connections.apiUrl, token: await connections.login(holder) });
    await pause(forMs, signal);
    socket.disconnect();
  }

  /**
   * The first request of such a screen.
   * @returns whether it succeeded
   */
  private async read(holder: Holder): Promise<boolean> {
    const { connections } = this.deps;
    if (holder.role !== 'ops') return true;
    const desk = await connections.support(holder.name);
    const answers = [await desk.unresolved(DEMO_CITY.cityId), await desk.availableDrivers(DEMO_CITY.cityId)];
    return answers.every(({ ok }) => ok);
  }

  private async knock(): Promise<void> {
    const socket = connectEvents({ baseUrl: this.deps.connections.apiUrl, token: 'nothing' });
    const answer = await fetch(`${this.deps.connections.apiUrl}/v2/me`, {
      headers: { authorization: 'Bearer nothing' },
      signal: AbortSignal.timeout(5_000),
    });
    await answer.body?.cancel();
    socket.disconnect();
    if (answer.status !== 401 && answer.status !== 429) this.refused += 1;
  }
}
