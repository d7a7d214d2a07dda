import { Session } from 'node:inspector/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What in a compiled file sends a statement: readings by hand, raw ones, writes of a transaction, and calls
 * of Prisma's models.
 */
const SITE =
  /\.\$(?:query|execute)Raw(?:Unsafe)?\b|\bread\((?:\(0, _\w+\.\w+\)|_\w+\.\w+\.sql|\{)|\btx\.write\(|\b(?:db|tx|deps\.db)\.[a-z]\w*\.(?:find|count|create|update|upsert|delete|aggregate|groupBy)\w*\(/g;
const FOLDERS = ['activities', 'adapters', 'api', 'services', 'worker'];
/** Programs: of their own they ask for the names of cities, and no more. */
const NOT_LOADED = ['api/main.js', 'worker/main.js'];

/**
 * Says which places in the service's code send statements and were never come to while this ran; by V8's own
 * count of what was executed.
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

  /** @returns `<file>:<line> <what stands there>` for each; and how many there are in all */
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

/** The innermost range says it; a file that was never loaded has none. */
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
