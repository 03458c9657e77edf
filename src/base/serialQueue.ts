/** Runs asynchronous work one item at a time, in the order of the calls. */
export class SerialQueue {
  private last: Promise<unknown> = Promise.resolve();

  /**
   * Runs `work` after all earlier work. Returns the result of `work`. A failure rejects only this result, and the next
   * item runs.
   */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all work queued so far has ended. Never rejects. */
  async settled(): Promise<void> {
    await this.last;
  }
}
