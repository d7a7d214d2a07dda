/** A delivery workflow as a broken release would have it: its task fails, again and again. */
export async function delivery(): Promise<never> {
  throw new Error('this release cannot run it');
}
