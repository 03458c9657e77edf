/** The bare loop of system calls (`perf/workers/floor.ts`), which can be paused and resumed. */

import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { FLOOR_ECHOES, FLOOR_SHARED_BYTES, FloorFlag, type FloorTask } from '../workers/floor.js';

const FILE = fileURLToPath(new URL('../workers/floor.js', import.meta.url));

export interface FloorOptions extends Omit<FloorTask, 'role' | 'shared'> {
  /** Whether the echoes are its own; else somebody listens at `port`. */
  readonly echo: boolean;
}

export class Floor {
  private readonly flags: Int32Array;
  private readonly counts: Float64Array;
  private readonly pool: Piscina<FloorTask, number>;
  private readonly sending: Promise<number>;
  private readonly echoing: Promise<number> | undefined;

  /** Starts its threads, paused until `resume`. */
  constructor({ echo, ...options }: FloorOptions) {
    const shared = new SharedArrayBuffer(FLOOR_SHARED_BYTES);
    this.flags = new Int32Array(shared);
    this.counts = new Float64Array(shared);
    const threads = echo ? 2 : 1;
    this.pool = new Piscina({ filename: FILE, minThreads: threads, maxThreads: threads });
    if (!echo) Atomics.store(this.flags, FloorFlag.ready, 1);
    this.sending = this.pool.run({ ...options, shared, role: 'send' });
    this.echoing = echo ? this.pool.run({ ...options, shared, role: 'echo' }) : undefined;
    // Seen by `end`.
    this.sending.catch(() => {});
    this.echoing?.catch(() => {});
  }

  resume(): void {
    Atomics.store(this.flags, FloorFlag.run, 1);
    Atomics.notify(this.flags, FloorFlag.run);
  }

  hold(): void {
    Atomics.store(this.flags, FloorFlag.run, 0);
  }

  /** Echoes a second over `durationMs` from now. */
  async measure(durationMs: number): Promise<number> {
    const before = this.counts[FLOOR_ECHOES];
    const started = performance.now();
    await delay(durationMs);
    return ((this.counts[FLOOR_ECHOES] - before) * 1000) / (performance.now() - started);
  }

  /**
   * Ends its threads; resolves with the number of probes without an echo. Rejects with the error that ended one of them
   * before.
   */
  async end(): Promise<number> {
    this.hold();
    try {
      Atomics.store(this.flags, FloorFlag.end, 1);
      Atomics.notify(this.flags, FloorFlag.run);
      const [lost] = await Promise.all([this.sending, this.echoing]);
      return lost;
    } finally {
      await this.pool.destroy();
    }
  }
}
