/** Long work on a thread that serves others too: it is done in turns of a few milliseconds, and the event loop runs in between. */

const TURN_MS = 2;

/** Lets other work run when this turn took long enough. Cheap to ask: the clock is read every 64th time. */
export class Breather {
  private sinceMs = performance.now();
  private asked = 0;

  /** True when it is time to `await breathe()`. */
  get due(): boolean {
    this.asked += 1;
    return (this.asked & 63) === 0 && this.dueNow;
  }

  /** The same for longer pieces of work: the clock is read every time. */
  get dueNow(): boolean {
    return performance.now() - this.sinceMs > TURN_MS;
  }

  async breathe(): Promise<void> {
    await turn();
    this.sinceMs = performance.now();
  }
}

const waiting: (() => void)[] = [];

/** A turn of the event loop for each who asks, one after the other: a hundred answers at once must not make one long turn of their short ones. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(next);
  });
}

function next(): void {
  const resolve = waiting.shift();
  // What is asked for inside of an immediate comes after whatever else the event loop has to do.
  if (waiting.length > 0) setImmediate(next);
  resolve?.();
}
