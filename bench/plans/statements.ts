import { performance } from 'node:perf_hooks';
import { Client } from 'pg';
import { planFacts, type PlanFacts, readPlan, type TableSizes } from './planFacts';

/** One kind of statement of a call: its text, how long (ms) each took, and the facts of the plans that were looked at. */
export type StatementFigures = { text: string; tookMs: number[]; facts: PlanFacts[] };

/** Statements whose plan can be asked for. */
const PLANNED = /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|DECLARE)\b/i;

type Send = (client: Client, args: unknown[]) => unknown;
type Asked = { text: string; values: unknown[] };

/**
 * Listens to all statements of this process, whoever sends them: so that the list of what is looked at is what is run, and cannot be out of date. While `planning`, each
 * is first explained with its own parameters on its own connection, in its own transaction, and what that changed is taken back.
 */
export class StatementWatch {
  private figures: Map<string, StatementFigures> | null = null;
  private planning = false;
  private readonly open = new WeakSet<Client>();
  private readonly original: Send;

  /** Listens no longer. */
  readonly stop: () => void;

  /** @param asIfLarge plans without sequential scans where there is any other way */
  constructor(private readonly sizes: TableSizes, private readonly asIfLarge: boolean) {
    const original: unknown = Reflect.get(Client.prototype, 'query');
    if (typeof original !== 'function') throw new Error('pg has no query any more');
    this.original = (client, args): unknown => Reflect.apply(original, client, args);
    const pass = this.pass.bind(this);
    // The one place that every statement passes, also those of Prisma's adapter.
    Reflect.set(Client.prototype, 'query', function (this: Client, ...args: unknown[]): unknown {
      return pass(this, args);
    });
    this.stop = () => void Reflect.set(Client.prototype, 'query', original);
  }

  /** @returns what the act sent to PostgreSQL */
  async during(mode: 'time' | 'plan', act: () => Promise<unknown>): Promise<StatementFigures[]> {
    const figures = new Map<string, StatementFigures>();
    [this.figures, this.planning] = [figures, mode === 'plan'];
    try {
      await act();
    } finally {
      this.figures = null;
    }
    return [...figures.values()];
  }

  private pass(client: Client, args: unknown[]): unknown {
    const asked = askedOf(args);
    if (asked) this.noteTransaction(client, asked.text);
    if (!asked || this.figures === null || !PLANNED.test(asked.text)) return this.original(client, args);
    const callback = args.find((each) => typeof each === 'function');
    const watched = this.watched(client, asked, args.filter((each) => each !== callback));
    if (callback === undefined) return watched;
    watched.then((result) => void Reflect.apply(callback, undefined, [null, result]), (error: unknown) => void Reflect.apply(callback, undefined, [error]));
    return undefined;
  }

  private noteTransaction(client: Client, text: string): void {
    if (/^\s*BEGIN/i.test(text)) this.open.add(client);
    else if (/^\s*(COMMIT|ROLLBACK)\s*$/i.test(text)) this.open.delete(client);
  }

  private async watched(client: Client, asked: Asked, args: unknown[]): Promise<unknown> {
    const figures = this.figuresOf(asked.text);
    if (this.planning) figures?.facts.push(await this.explain(client, asked));
    const begun = performance.now();
    const result: unknown = await this.original(client, args);
    figures?.tookMs.push(performance.now() - begun);
    return result;
  }

  /** Statements that differ only in how many parameters a list has are one. */
  private figuresOf(text: string): StatementFigures | undefined {
    const kind = text.replace(/\$\d+(\s*,\s*\$\d+)*/g, '$n').replace(/\(\$n\)(\s*,\s*\(\$n\))*/g, '($n)').replace(/\s+/g, ' ').trim();
    const known = this.figures?.get(kind) ?? { text: kind, tookMs: [], facts: [] };
    this.figures?.set(kind, known);
    return known;
  }

  private async explain(client: Client, { text, values }: Asked): Promise<PlanFacts> {
    const send = async (statement: string, parameters: unknown[] = []): Promise<unknown> => this.original(client, [statement, parameters]);
    const [begin, end] = this.open.has(client) ? ['SAVEPOINT explained', 'ROLLBACK TO SAVEPOINT explained'] : ['BEGIN', 'ROLLBACK'];
    await send(begin);
    try {
      if (this.asIfLarge) await send('SET LOCAL enable_seqscan = off');
      return planFacts(readPlan(await send(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values)), this.sizes);
    } finally {
      await send(end);
    }
  }
}

/** `query` takes a text and values, or an object with both. */
function askedOf([first, second]: unknown[]): Asked | null {
  if (typeof first === 'string') return { text: first, values: Array.isArray(second) ? second : [] };
  if (typeof first !== 'object' || first === null || !('text' in first) || typeof first.text !== 'string') return null;
  return { text: first.text, values: 'values' in first && Array.isArray(first.values) ? first.values : [] };
}
