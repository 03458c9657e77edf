/**
 * The reflector's main-thread side: opens the sockets, runs the threads, starts a dead one again, tells how it all is.
 * It must never touch a packet. Sockets and counters belong to it, so they outlive any thread.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { Piscina } from 'piscina';
import { LlamaError } from '../errors.js';
import { SystemClock } from '../net/clock.js';
import { type Endpoint, formatEndpoint } from '../net/endpoint.js';
import { closeDescriptor, openWake, wake } from '../net/poll.js';
import { receiveQueueDrops } from '../net/socket.js';
import { ControlBlock, ThreadState } from '../ring/control.js';
import { nsToMs } from '../stats/units.js';
import { VERSION } from '../version.js';
import { AllowList } from './allow.js';
import { closeListeners, type Listener, openListeners } from './listeners.js';
import { REFLECTOR_COUNTERS, type ReflectorCounter, type ReflectorStart } from './messages.js';
import { createTokens } from './tokens.js';

export interface ReflectorSettings {
  /** Where to listen; null: the default addresses, without IPv6 where the host has none. */
  readonly listen: readonly Endpoint[] | null;
  readonly threads: number;
  /** Most replies a second, over all threads; null: no limit. */
  readonly maxPps: number | null;
  /** Networks that are answered; empty: all. */
  readonly allow: readonly string[];
  /** Count replies per session; null: stateless. The sessions are dealt out evenly over the threads. */
  readonly stateful: { readonly maxSessions: number; readonly timeoutMs: number } | null;
}

export type ReflectorTotals = Record<ReflectorCounter | 'receiveQueueDrops', number>;

export interface ReflectorThreadStatus {
  readonly thread: string;
  readonly state: 'starting' | 'running' | 'restarting' | 'stopped';
  readonly restarts: number;
  /** Message of the error that ended the last life; null when there was none. */
  readonly lastError: string | null;
  readonly totals: ReflectorTotals;
}

export interface ReflectorStatus {
  readonly version: string;
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly state: 'starting' | 'running' | 'stopping';
  readonly listen: readonly string[];
  readonly stateful: boolean;
  readonly maxPps: number | null;
  readonly totals: ReflectorTotals;
  readonly workers: readonly ReflectorThreadStatus[];
}

interface Thread {
  readonly name: string;
  readonly wakeFd: number;
  readonly control: ControlBlock<ReflectorCounter>;
  readonly start: ReflectorStart;
  state: 'alive' | 'restarting' | 'stopped';
  restarts: number;
  lastError: string | null;
  /** Ends the thread of the current life the hard way. */
  abort: AbortController;
}

const WORKER_FILE = fileURLToPath(new URL('../../workers/reflector.js', import.meta.url));
const START_TIMEOUT_MS = 10_000;
const POLL_MS = 5;
/** Between the death of a thread and its next life: long enough that a thread that can't live does not take a CPU. */
const RESTART_PAUSE_MS = 100;
const STOP_TIMEOUT_MS = 1000;

const STATE_NAMES = { alive: null, restarting: 'restarting', stopped: 'stopped' } as const;

export class Reflector {
  private readonly logger: Logger;
  private readonly settings: ReflectorSettings;
  private readonly listeners: readonly Listener[];
  private readonly threads: readonly Thread[];
  private readonly pool: Piscina<ReflectorStart, void>;
  private readonly lives: readonly Promise<void>[];
  private readonly startedAtMs = Date.now();
  private state: ReflectorStatus['state'] = 'starting';
  private closed: Promise<void> | undefined;

  private constructor(settings: ReflectorSettings, listeners: readonly Listener[], logger: Logger) {
    this.settings = settings;
    this.listeners = listeners;
    this.logger = logger;
    this.threads = this.makeThreads();
    const { threads } = settings;
    this.pool = new Piscina({ filename: WORKER_FILE, minThreads: threads, maxThreads: threads });
    // A thread that dies without a task: the next task gets a new one.
    this.pool.on('error', (error) => this.logger.error({ err: error }, 'a thread of the pool failed'));
    this.lives = this.threads.map((thread) => this.supervise(thread));
  }

  /**
   * Resolves when every thread answers. Rejects with `LLAMA_ADDRESS_IN_USE`, `LLAMA_ARGUMENT_INVALID`, `LLAMA_SYSTEM_CALL` or
   * `LLAMA_THREAD`; nothing stays open then.
   */
  static async start(settings: ReflectorSettings, logger: Logger): Promise<Reflector> {
    new AllowList(settings.allow);
    const reflector = new Reflector(settings, openListeners(settings.listen, settings.threads, logger), logger);
    try {
      await reflector.started();
    } catch (error) {
      await reflector.close();
      throw error;
    }
    return reflector;
  }

  /** Where it listens, with the ports that the system chose. */
  get endpoints(): readonly Endpoint[] {
    return this.listeners.map(({ endpoint }) => endpoint);
  }

  status(): ReflectorStatus {
    const workers = this.threads.map((thread, i) => this.threadStatus(thread, i));
    const totals = { ...workers[0].totals };
    for (const worker of workers.slice(1))
      for (const name of Object.keys(totals) as (keyof ReflectorTotals)[]) totals[name] += worker.totals[name];
    return {
      version: VERSION,
      startedAt: new Date(this.startedAtMs).toISOString(),
      uptimeMs: Date.now() - this.startedAtMs,
      state: this.state,
      listen: this.endpoints.map(formatEndpoint),
      stateful: this.settings.stateful !== null,
      maxPps: this.settings.maxPps,
      totals,
      workers,
    };
  }

  /** Ends a thread the hard way, as a fault would; it is started again. For fault tests. */
  killThread(thread: number): void {
    this.threads[thread].abort.abort();
    wake(this.threads[thread].wakeFd);
  }

  /** Ends the threads, within a second, and closes the sockets. */
  close(): Promise<void> {
    this.closed ??= this.shutDown();
    return this.closed;
  }

  private makeThreads(): Thread[] {
    const { threads: count, maxPps, allow, stateful } = this.settings;
    const clock = new SystemClock();
    const tokens = maxPps === null ? null : createTokens(maxPps, nsToMs(clock.nowNs()));
    return Array.from({ length: count }, (_, thread) => {
      const control = new ControlBlock(REFLECTOR_COUNTERS);
      const wakeFd = openWake();
      const start: ReflectorStart = {
        thread,
        timeBase: clock.timeBase,
        sockets: this.listeners.map(({ sockets, endpoint }) => ({ fd: sockets[thread].fd, family: endpoint.family })),
        wakeFd,
        control: control.memory,
        doorbell: control.doorbell,
        allow: allow.length === 0 ? null : allow,
        limit: maxPps === null || tokens === null ? null : { maxPps, tokens },
        sessions: stateful === null ? null : { ...stateful, maxSessions: Math.ceil(stateful.maxSessions / count) },
      };
      const life = { state: 'alive', restarts: 0, lastError: null, abort: new AbortController() } as const;
      return { name: `reflector-${thread}`, wakeFd, control, start, ...life };
    });
  }

  /** Runs a thread, again and again, until the reflector stops. Never rejects. */
  private async supervise(thread: Thread): Promise<void> {
    for (;;) {
      try {
        await this.pool.run(thread.start, { signal: thread.abort.signal });
        if (this.state !== 'stopping') thread.lastError = 'it ended though nobody told it to';
      } catch (error) {
        if (this.state !== 'stopping') thread.lastError = error instanceof Error ? error.message : String(error);
      }
      // A thread that could not even start once is not tried again: `started` reports it.
      if (this.state !== 'running') break;
      thread.state = 'restarting';
      thread.restarts++;
      this.logger.error({ thread: thread.name, error: thread.lastError }, 'a reflector thread died; starting it again');
      await delay(RESTART_PAUSE_MS);
      thread.abort = new AbortController();
      thread.control.state = ThreadState.starting;
      thread.state = 'alive';
    }
    thread.state = 'stopped';
  }

  private async started(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!this.threads.every(({ control }) => control.state === ThreadState.running)) {
      const dead = this.threads.find(({ state }) => state === 'stopped');
      const slow = Date.now() > deadline ? `no answer within ${START_TIMEOUT_MS} ms` : undefined;
      const reason = dead?.lastError ?? slow;
      if (reason !== undefined)
        throw new LlamaError('LLAMA_THREAD', `a reflector thread could not be started: ${reason}`);
      await delay(POLL_MS);
    }
    this.state = 'running';
  }

  private threadStatus(thread: Thread, index: number): ReflectorThreadStatus {
    const { name, control, restarts, lastError } = thread;
    const running = control.state === ThreadState.running ? 'running' : 'starting';
    const drops = this.listeners.reduce((sum, { sockets }) => sum + receiveQueueDrops(sockets[index].fd), 0);
    return {
      thread: name,
      state: STATE_NAMES[thread.state] ?? running,
      restarts,
      lastError,
      totals: { ...control.snapshot(), receiveQueueDrops: drops },
    };
  }

  private async shutDown(): Promise<void> {
    this.state = 'stopping';
    for (const { control, wakeFd } of this.threads) {
      control.ring();
      wake(wakeFd);
    }
    const ended = Promise.all(this.lives);
    const timeout = new AbortController();
    await Promise.race([ended, delay(STOP_TIMEOUT_MS, undefined, { signal: timeout.signal }).catch(() => undefined)]);
    timeout.abort();
    // Ends what did not end by itself, and waits for it: only then may the sockets go.
    await this.pool.destroy();
    await ended;
    closeListeners(this.listeners);
    for (const { wakeFd } of this.threads) closeDescriptor(wakeFd);
  }
}
