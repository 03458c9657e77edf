/** Signals that end a command or make it read its files again. */

import { exitProcess } from './exitProcess.js';

/** DESIGN: SIGTERM and SIGINT end every command within 2 s. The last 100 ms are for the end of the process itself. */
const END_MS = 1_900;
/**
 * The time is counted in turns of the event loop: a process that gets no processor is given as many, one that waits for
 * a disk no more.
 */
const TURN_MS = 50;
const EXIT_CUT_OFF = 2;

let ending = false;
let safe = false;

/**
 * Resolves with the name of the first signal that asks the process to end, which it does 2 s later at the latest. Call
 * again for the next one.
 */
export function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const done = (signal: NodeJS.Signals): void => {
      process.off('SIGTERM', done);
      process.off('SIGINT', done);
      endInTime();
      resolve(signal);
    };
    process.on('SIGTERM', done);
    process.on('SIGINT', done);
  });
}

/** From here on the process may be ended without loss: an end that takes too long is cut off with exit code 0. */
export function nothingToLose(): void {
  safe = true;
}

/**
 * The result of `start`, or undefined when the signal came first: then `end` ends a late result. Rejects as `start`
 * does before the signal.
 */
export async function unlessSignalled<Value>(
  signal: Promise<NodeJS.Signals>,
  start: Promise<Value>,
  end: (started: Value) => Promise<unknown>,
): Promise<Value | undefined> {
  const early = await Promise.race([start.then(() => false), signal.then(() => true)]);
  if (!early) return start;
  nothingToLose();
  await start.then(end, () => undefined);
  return undefined;
}

/**
 * Ends the process 2 s after the first signal, whatever it waits for: a disk that does not answer, a thread that does
 * not start.
 */
function endInTime(): void {
  if (ending) return;
  ending = true;
  let turns = END_MS / TURN_MS;
  const timer = setInterval(() => {
    turns -= 1;
    if (turns > 0) return;
    clearInterval(timer);
    if (!safe) process.stderr.write('llama: cut off: not ended within 2 s of the signal\n');
    void exitProcess(safe ? 0 : EXIT_CUT_OFF);
  }, TURN_MS);
  // The timer alone must not keep the process alive.
  timer.unref();
}

/**
 * Receives SIGHUP from the moment of construction: without a handler the signal ends the process, and a collector takes
 * half a second to load and start. A signal without a listener is remembered for the next listener.
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

  /** Calls `listener` at each signal from now on, and at once for a missed one; undefined: signals are ignored. */
  listen(listener: (() => void) | undefined): void {
    this.listener = listener;
    if (listener === undefined || !this.missed) return;
    this.missed = false;
    listener();
  }
}
