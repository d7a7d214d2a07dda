/** What was opened, to be closed in the opposite order, whatever happens in between. */
export class Closing {
  private readonly acts: (() => Promise<void>)[] = [];

  /** @returns what was opened */
  after<T>(opened: T, close: (opened: T) => Promise<void> | void): T {
    this.acts.push(async () => close(opened));
    return opened;
  }

  /** Closes all, also where one of them fails. @throws what the first that failed threw */
  async all(): Promise<void> {
    const failures: unknown[] = [];
    for (let act = this.acts.pop(); act; act = this.acts.pop())
      await act().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}
