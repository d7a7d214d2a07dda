import { Session } from 'node:inspector/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The calls in a compiled file that send a statement. */
const STATEMENT_CALLS: readonly RegExp[] = [
  // Prisma's raw queries.
  /\.\$(?:query|execute)Raw(?:Unsafe)?\b/,
  // `read(sql…)` and the writes of a transaction.
  /\bread\((?:\(0, _\w+\.\w+\)|_\w+\.\w+\.sql|\{)/,
  /\btx\.write\(/,
  // Calls of Prisma's models.
  /\b(?:db|tx|deps\.db)\.[a-z]\w*\.(?:find|count|create|update|upsert|delete|aggregate|groupBy)\w*\(/,
];
const SITE = new RegExp(STATEMENT_CALLS.map(({ source }) => source).join('|'), 'g');
const FOLDERS = ['activities', 'adapters', 'api', 'services', 'worker'];
/**
 * Composition roots, which of their own only read the cities; and the demo's sign-in, which reads its few people
 * and is no part of a service that is not a demo.
 */
const NOT_LOADED = ['api/main.js', 'worker/main.js', 'api/http/demoSignIn.js'];

/**
 * Finds places in the service's code that send statements and were never executed during the run, by V8's
 * coverage counts.
 */
export class CallSites {
  private readonly session = new Session();

  private constructor(private readonly root: string) {}

  /** @param root the folder of the compiled service */
  static async watch(root: string): Promise<CallSites> {
    const sites = new CallSites(root);
    sites.session.connect();
    await sites.session.post('Profiler.enable');
    await sites.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    return sites;
  }

  /** @returns `<file>:<line> <source>` for each place that was not executed; and the number of all places */
  async missed(): Promise<{ all: number; missed: string[] }> {
    const { result } = await this.session.post('Profiler.takePreciseCoverage');
    const covered = new Map(
      result
        .filter(({ url }) => url.startsWith('file:'))
        .map(({ url, functions }) => [fileURLToPath(url), functions.flatMap(({ ranges }) => ranges)]),
    );
    this.session.disconnect();
    const all = FOLDERS.flatMap((folder) => this.filesIn(join(this.root, folder))).flatMap((file) =>
      sitesOf(file, readFileSync(file, 'utf8')),
    );
    const missed = all.filter(
      ({ file, offset }) =>
        !NOT_LOADED.includes(this.nameOf(file)) && countAt(covered.get(file), offset) === 0,
    );
    return {
      all: all.length,
      missed: missed.map(({ file, line, words }) => `${this.nameOf(file)}:${line} ${words}`),
    };
  }

  private filesIn(folder: string): string[] {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js'))
      .map((name) => join(folder, name));
  }

  private nameOf(file: string): string {
    return relative(this.root, file).split(sep).join('/');
  }
}

type Site = { file: string; offset: number; line: number; words: string };

function sitesOf(file: string, source: string): Site[] {
  return [...source.matchAll(SITE)].map(({ index }) => {
    const line = source.slice(0, index).split('\n').length;
    return { file, offset: index, line, words: (source.split('\n')[line - 1] ?? '').trim().slice(0, 120) };
  });
}

/** The innermost range counts; a file that was never loaded has none. */
function countAt(
  ranges: readonly { startOffset: number; endOffset: number; count: number }[] | undefined,
  offset: number,
): number {
  const around = (ranges ?? []).filter(
    ({ startOffset, endOffset }) => startOffset <= offset && offset < endOffset,
  );
  const innermost = around.reduce<(typeof around)[number] | undefined>(
    (best, each) =>
      best && best.endOffset - best.startOffset <= each.endOffset - each.startOffset ? best : each,
    undefined,
  );
  return innermost?.count ?? 0;
}
