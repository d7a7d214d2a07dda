import { posix } from 'node:path';
import type { WrittenFile } from './files';

/** What a citation may name. Paths are those within the project. */
export type Sources = {
  /** Numbers of the ADRs in docs/adr/. */
  adrs: ReadonlySet<number>;
  /** The anchors of the headings of each Markdown file. */
  anchors: ReadonlyMap<string, ReadonlySet<string>>;
  exists: (path: string) => boolean;
};

/** Those of the plan of version 2, which are another series than ours (docs/adr/README.md). */
const FOUNDING = { first: 24, last: 31 };
/** A file of the project, as prose names it: `test/api/audit.test.ts`. */
const FOLDERS =
  'activities|adapters|api|bench|docs|domain|ops|packages|prisma|reliability|scripts|services|settings|simulator|' +
  'test|worker|workflows';
const PATH_IN_PROSE = new RegExp(`\`((?:${FOLDERS})/[\\w./-]+\\.(?:ts|mjs|md|sql|prisma))\``, 'g');

/** `path:line: citation` of each citation that leads nowhere. */
export function brokenCitations(file: WrittenFile, sources: Sources): string[] {
  const { path, lines } = file;
  return lines.flatMap((line, index) => {
    // A citation may be broken over two lines of a comment.
    const text = `${line} ${continuationOf(lines[index + 1])}`;
    const broken = [...brokenInText(text, line.length, sources)];
    if (path.endsWith('.md')) broken.push(...brokenInMarkdown(path, line, sources));
    return broken.map((citation) => `${path}:${index + 1}: ${citation}`);
  });
}

/** The anchors of the headings, as GitHub makes them. */
export function anchorsOf({ lines }: WrittenFile): Set<string> {
  const anchors = new Set<string>();
  for (const line of lines) {
    const heading = /^#+ (.*)$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const anchor = heading
      .toLowerCase()
      .replaceAll(/\]\([^)]*\)/g, '')
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    anchors.add(anchors.has(anchor) ? `${anchor}-1` : anchor);
  }
  return anchors;
}

function continuationOf(line: string | undefined): string {
  return (line ?? '').replace(/^\s*(\*|\/\/)?\s*/, '').slice(0, 60);
}

/** Of citations that begin before `end`. */
function brokenInText(text: string, end: number, sources: Sources): string[] {
  const found = (form: RegExp): RegExpExecArray[] =>
    [...text.matchAll(form)].filter(({ index }) => index < end);
  return [
    ...found(/\bspec(?: section)? \d+\b|\bdesign:|\b(?:spec|design)\.md/gi),
    ...found(/\bADRs? (\d+)(?:(?:,| and| to) (\d+))?/g).filter(([, ...numbers]) =>
      numbers.filter(Boolean).some((number) => !sources.adrs.has(Number(number))),
    ),
    ...found(/(founding )?\bADR-0?(\d+)/gi).filter(
      ([, founding, number]) => !founding || !isFounding(Number(number)),
    ),
    ...found(/\bdocs\/[\w./-]+\.md, "?[A-Z]\w+/g),
    ...found(/\b(docs\/[\w./-]+\.md)(?:#([\w-]+))?/g).filter(
      ([, page = '', anchor]) => !isSection(sources, page, anchor),
    ),
  ].map(([cited]) => cited);
}

/** Links and names of files. */
function brokenInMarkdown(path: string, line: string, sources: Sources): string[] {
  const links = [...line.matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].filter(
    ([, target = '', anchor]) => {
      const page = target === '' ? path : posix.join(posix.dirname(path), target);
      return page.endsWith('.md') ? !isSection(sources, page, anchor) : !sources.exists(page);
    },
  );
  const named = [...line.matchAll(PATH_IN_PROSE)].filter(([, file = '']) => !sources.exists(file));
  return [...links, ...named].map(([cited]) => cited);
}

function isSection({ anchors }: Sources, page: string, anchor: string | undefined): boolean {
  const known = anchors.get(page);
  return known !== undefined && (anchor === undefined || known.has(anchor));
}

function isFounding(number: number): boolean {
  return number >= FOUNDING.first && number <= FOUNDING.last;
}
