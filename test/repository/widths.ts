import type { WrittenFile } from './files';

const MAX_COLUMNS = 120;
const TABLE = /^\s*\|/;
const ADDRESS = /https?:\/\/\S+/g;
const LINK_TARGET = /\]\([^)\s]+\)/g;

/** Files that may have wide lines, each with the reason. */
export const EXCLUDED: readonly { paths: RegExp; reason: string }[] = [
  { paths: /^prisma\/migrations\//, reason: 'released migrations are immutable: their checksums are pinned' },
  { paths: /^simulator\/client\/apiTypes\.ts$/, reason: 'generated from the OpenAPI document' },
];

/** `path:line` of each line that exceeds the width. Markdown tables and URLs cannot be broken. */
export function tooWide({ path, lines }: WrittenFile): string[] {
  const isProse = path.endsWith('.md');
  return lines.flatMap((line, index) => {
    if (isProse && TABLE.test(line)) return [];
    const breakable = isProse ? line.replaceAll(LINK_TARGET, ']()') : line;
    return [...breakable.replaceAll(ADDRESS, '')].length > MAX_COLUMNS ? [`${path}:${index + 1}`] : [];
  });
}
