/** How long a condition may take to come true, in ms, and how often it is looked at. */
export type Patience = { withinMs?: number; everyMs?: number };

/**
 * Waits on a condition instead of a length of time.
 * @returns what `look` found, as soon as it is neither undefined nor false
 * @throws Error that says what never came to be
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  { withinMs = 15_000, everyMs = 20 }: Patience = {},
): Promise<T> {
  const deadlineAt = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadlineAt) throw new Error(`within ${withinMs} ms it never came to be: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
