import { performance } from 'node:perf_hooks';
import { Client } from 'pg';
import { type PlanFacts, planFacts, readPlan, type TableSizes } from './planFacts';

/**
 * One kind of statement of a call: its text, the duration of each execution in ms, and the facts of its
 * plans.
 */
export type StatementFigures = { text: string; tookMs: number[]; facts: PlanFacts[] };

/** Statements that EXPLAIN accepts. */
const PLANNED = /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|DECLARE)\b/i;

type Send = (client: Client, args: unknown[]) => unknown;
type Asked = { text: string; values: readonly unknown[]; name: string };

/**
 * Intercepts all statements of this process, whoever sends them, so that the inspected statements are exactly
 * those that run. In plan mode each statement is first explained on its own connection and in its own
 * transaction, and its changes are rolled back: with its own parameters, and, where the connection keeps it
 * prepared, also as a prepared statement, whose generic plan may differ.
 */
export class StatementWatch {
  private figures: Map<string, StatementFigures> | null = null;
  private planning = false;
  private readonly open = new WeakSet<Client>();
  private readonly prepared = new WeakMap<Client, Set<string>>();
  /**
   * In plan mode, statements of one connection run one after the other, although some are sent without
   * waiting.
   */
  private readonly turns = new WeakMap<Client, Promise<unknown>>();
  private readonly original: Send;
  /** Stops intercepting. */
  readonly stop: () => void;

  constructor(private readonly sizes: TableSizes) {
    const original: unknown = Reflect.get(Client.prototype, 'query');
    if (typeof original !== 'function') throw new Error('pg.Client has no method query');
    this.original = (client, args): unknown => Reflect.apply(original, client, args);
    const pass = this.pass.bind(this);
    // The one place that every statement passes, those of Prisma's adapter included.
    Reflect.set(Client.prototype, 'query', function (this: Client, ...args: unknown[]): unknown {
      return pass(this, args);
    });
    this.stop = () => void Reflect.set(Client.prototype, 'query', original);
  }

  /** @returns the statements that the function sent */
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
    if (!asked) return this.original(client, args);
    if (this.figures === null) return this.sent(client, asked, args);
    const callback = args.find((each) => typeof each === 'function');
    const plain = args.filter((each) => each !== callback);
    const answered = this.planning
      ? this.inTurn(client, () => this.explained(client, asked, plain))
      : this.timed(client, asked, plain);
    if (callback === undefined) return answered;
    answered.then(
      (result) => void Reflect.apply(callback, undefined, [null, result]),
      (error: unknown) => void Reflect.apply(callback, undefined, [error]),
    );
    return undefined;
  }

  private sent(client: Client, { text, name }: Asked, args: unknown[]): unknown {
    if (/^\s*BEGIN/i.test(text)) this.open.add(client);
    else if (/^\s*(COMMIT|ROLLBACK)\s*$/i.test(text)) this.open.delete(client);
    if (name !== '') this.prepared.set(client, (this.prepared.get(client) ?? new Set()).add(name));
    return this.original(client, args);
  }

  private async timed(client: Client, asked: Asked, args: unknown[]): Promise<unknown> {
    const figures = this.figuresOf(asked.text);
    const begun = performance.now();
    const result = await this.sent(client, asked, args);
    figures?.tookMs.push(performance.now() - begun);
    return result;
  }

  private inTurn(client: Client, act: () => Promise<unknown>): Promise<unknown> {
    const mine = (this.turns.get(client) ?? Promise.resolve()).then(act);
    this.turns.set(
      client,
      mine.catch(() => undefined),
    );
    return mine;
  }

  private async explained(client: Client, asked: Asked, args: unknown[]): Promise<unknown> {
    const figures = this.figuresOf(asked.text);
    if (figures) figures.facts.push(...(await this.plansOf(client, asked)));
    return this.sent(client, asked, args);
  }

  /** Statements that differ only in the number of list parameters count as one kind. */
  private figuresOf(text: string): StatementFigures | undefined {
    if (!PLANNED.test(text)) return undefined;
    const kind = text
      .replace(/\$\d+(\s*,\s*\$\d+)*/g, '$n')
      .replace(/\(\$n\)(\s*,\s*\(\$n\))*/g, '($n)')
      .replace(/\s+/g, ' ')
      .trim();
    const known = this.figures?.get(kind) ?? { text: kind, tookMs: [], facts: [] };
    this.figures?.set(kind, known);
    return known;
  }

  private async plansOf(client: Client, { text, values, name }: Asked): Promise<PlanFacts[]> {
    const isPrepared = name !== '' && this.prepared.get(client)?.has(name) === true;
    const asItIs = isPrepared
      ? [
          await this.explain(
            client,
            `EXECUTE ${name}${values.length === 0 ? '' : `(${values.map(literal).join(', ')})`}`,
            [],
          ),
        ]
      : [];
    return [await this.explain(client, text, values), ...asItIs];
  }

  private async explain(client: Client, text: string, values: readonly unknown[]): Promise<PlanFacts> {
    const send = async (statement: string, parameters: readonly unknown[] = []): Promise<unknown> =>
      this.original(client, [statement, [...parameters]]);
    const [begin, end] = this.open.has(client)
      ? ['SAVEPOINT explained', 'ROLLBACK TO SAVEPOINT explained']
      : ['BEGIN', 'ROLLBACK'];
    await send(begin);
    try {
      return planFacts(
        readPlan(await send(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values)),
        this.sizes,
      );
    } finally {
      await send(end);
    }
  }
}

/** `query` takes a text and values, or an object with both and an optional name. */
function askedOf([first, second]: unknown[]): Asked | null {
  if (typeof first === 'string')
    return { text: first, values: Array.isArray(second) ? second : [], name: '' };
  if (typeof first !== 'object' || first === null || !('text' in first) || typeof first.text !== 'string')
    return null;
  return {
    text: first.text,
    values: 'values' in first && Array.isArray(first.values) ? first.values : [],
    name: 'name' in first && typeof first.name === 'string' ? first.name : '',
  };
}

/**
 * A parameter as EXECUTE takes it.
 * @throws Error for a type that no statement of ours uses
 */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (value instanceof Date) return quoted(value.toISOString());
  if (value instanceof Uint8Array) return quoted(`\\x${Buffer.from(value).toString('hex')}`);
  if (Array.isArray(value))
    return quoted(
      `{${value.map((each) => (each === null ? 'NULL' : `"${String(each).replace(/["\\]/g, '\\$&')}"`)).join(',')}}`,
    );
  if (typeof value === 'object') return quoted(JSON.stringify(value));
  if (
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'boolean'
  )
    return quoted(String(value));
  throw new Error(`a parameter is a ${typeof value}`);
}

const quoted = (text: string): string => `E'${text.replaceAll('\\', '\\\\').replaceAll(`'`, `''`)}'`;
