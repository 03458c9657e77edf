/** Clock, timers and chance, passed in so that tests have their own. */
export interface Timing {
  /** Epoch milliseconds. */
  nowMs(): number;
  /** Runs something later; the result cancels it. */
  after(ms: number, run: () => void): () => void;
  /** 0 to 1. */
  random(): number;
}

export const SYSTEM_TIMING: Timing = {
  nowMs: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
