/**
 * Threads that run one endless task each, in a Piscina pool, and are restarted when they die. The main thread owns
 * their resources (sockets, rings, counters), which outlive them. A new incarnation begins only after the old thread
 * has certainly ended.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Transferable } from 'node:worker_threads';
import type { Logger } from 'pino';
import { Piscina } from 'piscina';
import { atMost } from '../base/atMost.js';
import { LlamaError, messageOf } from '../base/errors.js';
import { cpuQuota } from '../net/cpuQuota.js';
import { type ControlBlock, ThreadState } from '../ring/control.js';
import { THREAD_EXEC_ARGV } from './execArgv.js';

/**
 * Pause between the death of a thread and its next incarnation, so that a thread that always fails does not use a whole
 * core.
 */
const RESTART_PAUSE_MS = 100;
/**
 * A longer start is logged, and again after each further period. It is not an error: the host may be busy, or a CPU
 * quota small.
 */
const SLOW_START_MS = 5_000;
const POLL_MS = 2;
/**
 * A running thread hangs when this many consecutive samples of its heartbeat are equal. Samples are counted instead of
 * time: a stopped process takes no samples, and its threads do not hang.
 */
const HUNG_SAMPLES = 10;
const SAMPLE_MS = 1_000;
/** Value in a control block until its thread has written its own id. */
const NO_THREAD = -1;

/** `hung`: alive, but its loop has made no iteration for 10 s. */
export const THREAD_STATES = ['starting', 'running', 'hung', 'restarting', 'stopped'] as const;
type ThreadStateName = (typeof THREAD_STATES)[number];

/** State of one thread, for the status page. */
export interface ThreadStatus {
  readonly thread: string;
  readonly state: ThreadStateName;
  readonly restarts: number;
  /** Message of the error that ended the last incarnation; null without one. */
  readonly lastError: string | null;
}

/** Start data of a thread. */
export interface ThreadTask<Task> {
  readonly task: Task;
  readonly transfer: readonly Transferable[];
}

interface SupervisedOptions<Task> {
  /** `prober` makes threads `prober-0`, `prober-1`, … */
  readonly name: string;
  /** The compiled module whose default export is the task. */
  readonly file: string;
  /** Each thread's control block; their number is the number of threads. */
  readonly controls: readonly ControlBlock<string>[];
  readonly logger: Logger;
  /** Creates the task for a thread's next incarnation; `life` counts from 0. */
  readonly begin: (thread: number, life: number) => ThreadTask<Task>;
  /** Called after a thread has died and ended; its next incarnation begins when this resolves. */
  readonly died?: (thread: number, life: number) => Promise<void>;
  /** Between two samples of the heartbeats, ms; 1 s unless given. */
  readonly sampleMs?: number;
}

interface Life {
  state: 'alive' | 'restarting' | 'stopped';
  number: number;
  lastError: string | null;
  /** Heartbeat at the last sample, and how many samples in a row found it there. */
  heartbeat: number;
  unchanged: number;
}

export class SupervisedThreads<Task> {
  private readonly options: SupervisedOptions<Task>;
  private readonly pool: Piscina<Task, void>;
  private readonly lives: Life[];
  private readonly ended: Promise<unknown>;
  private readonly sampling: NodeJS.Timeout;
  private phase: 'starting' | 'running' | 'stopping' = 'starting';
  private endingBegins: () => void = () => undefined;
  private readonly endingBegun = new Promise<void>((resolve) => {
    this.endingBegins = resolve;
  });

  constructor(options: SupervisedOptions<Task>) {
    this.options = options;
    const threads = options.controls.length;
    this.pool = new Piscina({
      filename: options.file,
      execArgv: [...THREAD_EXEC_ARGV],
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
    });
    this.pool.on('error', (error) =>
      options.logger.error({ err: error }, `a ${options.name} thread failed outside its task`),
    );
    this.lives = options.controls.map(() => ({
      ...{ state: 'alive', number: 0, lastError: null },
      ...{ heartbeat: 0, unchanged: 0 },
    }));
    this.ended = Promise.all(this.lives.map((_, thread) => this.supervise(thread)));
    this.sampling = setInterval(() => this.sample(), options.sampleMs ?? SAMPLE_MS).unref();
  }

  /**
   * Resolves when every thread runs, without a time limit. Rejects with `LLAMA_THREAD` when one ended before it ran.
   */
  async started(): Promise<void> {
    const { controls, logger, name } = this.options;
    const beganMs = performance.now();
    let saidMs = beganMs;
    for (;;) {
      // Checked first: a thread that ran and died before all others ran would never be restarted.
      const dead = this.lives.find((life) => life.state === 'stopped');
      if (dead !== undefined) {
        const reason = dead.lastError ?? 'it was told to end';
        throw new LlamaError('LLAMA_THREAD', `a ${name} thread could not be started: ${reason}`);
      }
      const missing = controls.filter((control) => control.state !== ThreadState.running).length;
      if (missing === 0) break;
      const nowMs = performance.now();
      if (nowMs - saidMs >= SLOW_START_MS) {
        saidMs = nowMs;
        const waitedMs = Math.round(nowMs - beganMs);
        logger.warn(
          { waitedMs, quotaCores: cpuQuota() ?? null },
          `still starting: waiting for ${missing} of ${controls.length} ${name} threads; this host is busy, or the CPU quota of this process is small`,
        );
      }
      await delay(POLL_MS);
    }
    this.phase = 'running';
  }

  status(thread: number): ThreadStatus {
    const { state, number, lastError, unchanged } = this.lives[thread];
    const running = unchanged >= HUNG_SAMPLES ? 'hung' : 'running';
    const alive = this.options.controls[thread].state === ThreadState.starting ? 'starting' : running;
    return { thread: this.threadName(thread), state: state === 'alive' ? alive : state, restarts: number, lastError };
  }

  /** Terminates a thread, as a fault would; it is restarted. For fault tests. */
  async kill(thread: number): Promise<void> {
    const { threadId } = this.options.controls[thread];
    await this.pool.threads.find((worker) => worker.threadId === threadId)?.terminate();
  }

  /** After this call every end of a thread is expected. */
  ending(): void {
    this.phase = 'stopping';
    this.endingBegins();
  }

  /** Waits for stopping threads, at most `timeoutMs`, then terminates the others and waits for their end. */
  async stop(timeoutMs: number): Promise<void> {
    this.ending();
    clearInterval(this.sampling);
    await atMost(this.ended, timeoutMs);
    await this.pool.destroy();
    await this.ended;
  }

  private threadName(thread: number): string {
    return `${this.options.name}-${thread}`;
  }

  /** Compares every heartbeat with the sample before. */
  private sample(): void {
    for (const [thread, life] of this.lives.entries()) {
      const control = this.options.controls[thread];
      const { heartbeat } = control;
      const looping = life.state === 'alive' && control.state !== ThreadState.starting;
      const wasHung = life.unchanged >= HUNG_SAMPLES;
      life.unchanged = looping && heartbeat === life.heartbeat ? life.unchanged + 1 : 0;
      life.heartbeat = heartbeat;
      const hung = life.unchanged >= HUNG_SAMPLES;
      if (hung && !wasHung)
        this.options.logger.error({ thread: this.threadName(thread) }, 'a thread hangs: its loop makes no iteration');
      if (wasHung && looping && !hung)
        this.options.logger.warn({ thread: this.threadName(thread) }, 'a thread goes on');
    }
  }

  /** Runs the incarnations of a thread until `stop`. Never rejects. */
  private async supervise(thread: number): Promise<void> {
    const { controls, begin, died, logger } = this.options;
    const life = this.lives[thread];
    for (;;) {
      controls[thread].state = ThreadState.starting;
      controls[thread].threadId = NO_THREAD;
      life.state = 'alive';
      const error = await this.live(begin(thread, life.number));
      if (this.phase === 'stopping') break;
      life.lastError = error ?? 'it ended though nobody told it to';
      // A thread that could not start even once is not retried: `started` reports it.
      if (this.phase === 'starting') break;
      life.state = 'restarting';
      logger.error({ thread: this.threadName(thread), error: life.lastError }, 'a thread died; starting it again');
      // Other threads that must answer may be stopping too.
      await Promise.race([died?.(thread, life.number), this.endingBegun]);
      life.number++;
      await delay(RESTART_PAUSE_MS);
      if (this.stopped()) break;
    }
    life.state = 'stopped';
  }

  private stopped(): boolean {
    return this.phase === 'stopping';
  }

  /** One incarnation: undefined when the task ended by itself, otherwise the error that ended it. */
  private async live({ task, transfer }: ThreadTask<Task>): Promise<string | undefined> {
    try {
      await this.pool.run(task, { transferList: [...transfer] });
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }
}
