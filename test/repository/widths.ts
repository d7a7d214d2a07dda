import type { WrittenFile } from './files';

const MAX_COLUMNS = 120;
const TABLE = /^\s*\|/;
const ADDRESS = /https?:\/\/\S+/g;
const LINK_TARGET = /\]\([^)\s]+\)/g;

/** `path:line` of each line that is too wide. Tables of Markdown and addresses cannot be broken. */
export function tooWide({ path, lines }: WrittenFile): string[] {
  const isProse = path.endsWith('.md');
  return lines.flatMap((line, index) => {
    if (isProse && TABLE.test(line)) return [];
    const breakable = isProse ? line.replaceAll(LINK_TARGET, ']()') : line;
    return [...breakable.replaceAll(ADDRESS, '')].length > MAX_COLUMNS ? [`${path}:${index + 1}`] : [];
  });
}
