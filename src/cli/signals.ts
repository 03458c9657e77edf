/** Signals that end a command or make it read its files again. */

/** Resolves with the name of the first signal that asks the process to end. Call again for the next one. */
export function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const done = (signal: NodeJS.Signals): void => {
      process.off('SIGTERM', done);
      process.off('SIGINT', done);
      resolve(signal);
    };
    process.on('SIGTERM', done);
    process.on('SIGINT', done);
  });
}

/**
 * SIGHUP, from the moment of construction: without a handler the signal ends the process, and a collector takes half a second to load
 * and start. One that comes while nobody listens is remembered until somebody does.
 */
export class HangUps {
  private listener: (() => void) | undefined;
  private missed = false;

  constructor() {
    process.on('SIGHUP', () => {
      if (this.listener === undefined) this.missed = true;
      else this.listener();
    });
  }

  /** Calls `listener` at each signal from now on, and at once for one that was missed; undefined: signals do nothing. */
  listen(listener: (() => void) | undefined): void {
    this.listener = listener;
    if (listener === undefined || !this.missed) return;
    this.missed = false;
    listener();
  }
}
