import { once } from 'node:events';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { freePort } from '../../simulator/kit/freePort';
import { ProxyPipe, type PipeFaults } from './proxyPipe';

/** A server on 127.0.0.1 behind a proxy. */
export type Upstream = { port: number };

/** A connection through the proxy. */
type Pair = { client: Socket; server: Socket; pipes: readonly ProxyPipe[] };

/** The connect time-out, after which the next server is tried. */
const CONNECT_MS = 2_000;
const LISTEN_TRIES = 100;
const LISTEN_PAUSE_MS = 50;

/**
 * A TCP proxy on 127.0.0.1 that injects connection faults. With several upstreams it balances the load: each
 * connection goes to the next upstream that accepts it. Faults may overlap; each is removed separately.
 */
export class FaultyProxy {
  private readonly faults: PipeFaults = { delaysMs: [], stalls: 0 };
  private readonly pairs = new Set<Pair>();
  private readonly waiting = new Set<Socket>();
  private refusals = 0;
  private turn = 0;
  private server: Server | null = null;
  private isClosed = false;

  private constructor(
    readonly port: number,
    private readonly upstreams: readonly Upstream[],
  ) {}

  /** @throws Error where no port is free */
  static async open(upstreams: readonly Upstream[]): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(await freePort(), upstreams);
    await proxy.listen();
    return proxy;
  }

  /** Connections open now. */
  get connections(): number {
    return this.pairs.size + this.waiting.size;
  }

  /**
   * Resets every connection, even in the middle of a message.
   * @returns how many there were
   */
  cut(): number {
    const cut = this.connections;
    for (const socket of [
      ...this.waiting,
      ...[...this.pairs].flatMap(({ client, server }) => [client, server]),
    ])
      socket.resetAndDestroy();
    return cut;
  }

  /**
   * Resets every connection and stops listening.
   * @returns a function that ends the fault
   */
  async refuse(): Promise<() => Promise<void>> {
    this.refusals += 1;
    if (this.refusals === 1) await this.stopListening();
    return onceOnly(async () => {
      this.refusals -= 1;
      if (this.refusals === 0 && !this.isClosed) await this.listen();
    });
  }

  /**
   * Delays each chunk in both directions; several delays add up.
   * @returns a function that ends the fault
   */
  delay(ms: number): () => Promise<void> {
    this.faults.delaysMs.push(ms);
    return onceOnly(async () => {
      this.faults.delaysMs.splice(this.faults.delaysMs.indexOf(ms), 1);
      this.goOn();
    });
  }

  /**
   * Accepts connections but forwards nothing. Data that arrives meanwhile is forwarded afterwards.
   * @returns a function that ends the fault
   */
  stall(): () => Promise<void> {
    this.faults.stalls += 1;
    return onceOnly(async () => {
      this.faults.stalls -= 1;
      this.goOn();
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.stopListening();
  }

  private goOn(): void {
    for (const { pipes } of this.pairs) for (const proxyPipe of pipes) proxyPipe.goOn();
  }

  /**
   * Listens on the same port as before. Retries where another program's outgoing connection has just taken
   * the port.
   */
  private async listen(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => void this.take(client));
      try {
        await once(server.listen(this.port, '127.0.0.1'), 'listening');
        this.server = server;
        return;
      } catch (error) {
        if (tries === LISTEN_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, LISTEN_PAUSE_MS));
      }
    }
  }

  private async stopListening(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (!server) return;
    server.close();
    this.cut();
    await once(server, 'close');
  }

  private async take(client: Socket): Promise<void> {
    this.waiting.add(client);
    client.on('error', () => client.destroy()); // 'close' follows and is handled
    client.once('close', () => this.waiting.delete(client));
    const server = await this.reach(client);
    this.waiting.delete(client);
    if (!server || client.destroyed) {
      client.resetAndDestroy();
      server?.destroy();
      return;
    }
    this.join(client, server);
  }

  /** The next upstream that accepts a connection, or undefined where none does. */
  private async reach(client: Socket): Promise<Socket | undefined> {
    const first = this.turn++;
    for (let tried = 0; tried < this.upstreams.length && !client.destroyed; tried += 1) {
      const upstream = this.upstreams[(first + tried) % this.upstreams.length];
      const server = upstream && (await reached(upstream));
      if (server) return server;
    }
    return undefined;
  }

  private join(client: Socket, server: Socket): void {
    const pair: Pair = {
      client,
      server,
      pipes: [new ProxyPipe(client, server, this.faults), new ProxyPipe(server, client, this.faults)],
    };
    this.pairs.add(pair);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => undefined); // 'close' follows and is handled
      // A regular end is forwarded by the pipe, after the last data.
      socket.once('close', (hadError) => {
        if (hadError) other.resetAndDestroy();
        if (client.closed && server.closed) this.pairs.delete(pair);
      });
    }
  }
}

async function reached({ port }: Upstream): Promise<Socket | undefined> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
  const late = setTimeout(() => socket.destroy(new Error('no connection in time')), CONNECT_MS);
  try {
    await once(socket, 'connect');
    return socket;
  } catch {
    socket.destroy();
    return undefined;
  } finally {
    clearTimeout(late);
  }
}

function onceOnly(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= act());
}
