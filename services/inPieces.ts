/** The items in pieces of at most `size`, in their order: so many are under way at once. */
export function* inPieces<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}
