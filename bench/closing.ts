/** Resources that are closed in reverse order, also after a failure. */
export class Closing {
  private readonly acts: (() => Promise<void>)[] = [];

  /** @returns the opened resource */
  after<T>(opened: T, close: (opened: T) => Promise<void> | void): T {
    this.acts.push(async () => close(opened));
    return opened;
  }

  /**
   * Closes all, even where one fails.
   * @throws the first error
   */
  async all(): Promise<void> {
    const failures: unknown[] = [];
    for (let act = this.acts.pop(); act; act = this.acts.pop())
      await act().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}
