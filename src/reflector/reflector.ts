/**
 * Main-thread side of the reflector: opens the sockets, runs the threads, restarts a dead thread, reports the status.
 * It must never touch a packet. It owns sockets and counters, so they outlive any thread.
 */

import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { nsToMs } from '../base/units.js';
import { VERSION } from '../base/version.js';
import { packetText, refusalText } from '../counters/exampleText.js';
import { COUNTER_READERS } from '../counters/readers.js';
import { RecentWarnings } from '../counters/recentWarnings.js';
import { SystemClock } from '../net/clock.js';
import { ClockSync, clockSyncWarnings } from '../net/clockSync.js';
import { ThrottleWatch } from '../net/cpuQuota.js';
import { type Endpoint, formatEndpoint } from '../net/endpoint.js';
import { closeDescriptor, openWake, wake } from '../net/poll.js';
import { ControlBlock } from '../ring/control.js';
import { newest } from '../ring/examples.js';
import { SupervisedThreads, type ThreadStatus } from '../threads/supervised.js';
import { hmacEngineName } from '../wire/hmacEngines.js';
import { AllowList } from './allow.js';
import { SharedKeys } from './keys.js';
import type { Listener } from './listener.js';
import { type OpenedListeners, openListeners } from './listeners.js';
import { type ListenerStatus, ListenerWatch, listenerWarnings } from './listenerWatch.js';
import {
  OWN_PORTS_BYTES,
  REFLECTOR_COUNTERS,
  type ReflectorCounter,
  type ReflectorStart,
  type SessionLimits,
  type ShortRequestSettings,
} from './messages.js';
import { type ReplyInterface, VrfMembers, vrfMembers } from './replyInterface.js';
import { createTokens } from './tokens.js';

/** Default limits of the sessions. */
export const DEFAULT_SESSIONS: SessionLimits = { maxSessions: 65_536, timeoutMs: 300_000 };

export interface ReflectorSettings {
  /** Where to listen; null: the default addresses, without IPv6 where the host lacks it. */
  readonly listen: readonly Endpoint[] | null;
  readonly threads: number;
  /** Replies a second over all threads; null: unlimited. */
  readonly maxPps: number | null;
  /** Networks that get replies; empty: all. */
  readonly allow: readonly string[];
  /**
   * Answer requests of 14 to 40 bytes, up to this many a second for each network of `allow`; null or absent: never.
   * Only with `allow`, without keys.
   */
  readonly maxShortPps?: number | null;
  /**
   * Outgoing interface of replies; default `routed`. For link-local addresses and VRFs always the interface of the
   * request.
   */
  readonly replyInterface?: ReplyInterface;
  /**
   * Number the replies of each session; null: copy the sender's number. The sessions are divided evenly among the
   * threads.
   */
  readonly stateful: SessionLimits | null;
  /** HMAC keys: only packets signed with one of them are answered. Undefined: no authentication. */
  readonly keys?: readonly Uint8Array[];
}

export type ReflectorTotals = Record<ReflectorCounter | 'receiveQueueDrops', number>;

interface ReflectorThreadStatus extends ThreadStatus {
  readonly totals: ReflectorTotals;
}

export interface ReflectorStatus {
  readonly version: string;
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly state: 'starting' | 'running' | 'stopping';
  readonly listen: readonly string[];
  readonly listeners: readonly ListenerStatus[];
  /** Current problems; empty in normal operation. */
  readonly warnings: readonly string[];
  readonly stateful: boolean;
  /** Only packets with a valid HMAC are answered. */
  readonly authenticated: boolean;
  /** Whether a time service keeps this host's clock synchronised; replies carry it too. */
  readonly clockSynchronised: boolean;
  readonly maxPps: number | null;
  readonly totals: ReflectorTotals;
  readonly workers: readonly ReflectorThreadStatus[];
}

interface Thread {
  readonly wakeFd: number;
  readonly control: ControlBlock<ReflectorCounter>;
  /** The same for every incarnation. */
  readonly start: ReflectorStart;
}

const WORKER_FILE = fileURLToPath(new URL('../../workers/reflector.js', import.meta.url));
const STOP_TIMEOUT_MS = 1000;
const VRF_PERIOD_MS = 10_000;
/** A reflector has no result intervals: warnings compare its counters over two of these. */
const WARNING_INTERVAL_MS = 10_000;

export class Reflector {
  private readonly settings: ReflectorSettings;
  private readonly listeners: readonly Listener[];
  private readonly lasting: readonly string[];
  private readonly watch: ListenerWatch;
  private readonly threads: readonly Thread[];
  private readonly keys: SharedKeys | null;
  private readonly sync = new ClockSync();
  private readonly throttling = new ThrottleWatch('replies are late, or probes are dropped');
  private readonly vrfs = new VrfMembers();
  private readonly ownPorts = new SharedArrayBuffer(OWN_PORTS_BYTES);
  private readonly vrfTimer: NodeJS.Timeout;
  private readonly supervised: SupervisedThreads<ReflectorStart>;
  private readonly recent = new RecentWarnings<keyof ReflectorTotals>(COUNTER_READERS.reflector, {
    example: (name) => this.example(name),
  });
  private readonly comparing: NodeJS.Timeout;
  private readonly startedAtMs = Date.now();
  private readonly started = performance.now();
  private state: ReflectorStatus['state'] = 'starting';
  private closed: Promise<void> | undefined;

  private constructor(settings: ReflectorSettings, { listeners, warnings }: OpenedListeners, logger: Logger) {
    this.settings = settings;
    this.listeners = listeners;
    this.lasting = warnings;
    this.keys = settings.keys === undefined ? null : new SharedKeys();
    if (settings.keys !== undefined) this.keys?.write(settings.keys);
    this.vrfs.write(vrfMembers());
    this.threads = this.makeThreads();
    this.vrfTimer = setInterval(() => this.vrfs.write(vrfMembers()), VRF_PERIOD_MS);
    this.supervised = new SupervisedThreads({
      name: 'reflector',
      file: WORKER_FILE,
      controls: this.threads.map(({ control }) => control),
      logger,
      begin: (thread) => ({ task: this.threads[thread].start, transfer: [] }),
    });
    this.comparing = setInterval(() => this.recent.intervalEnded(this.sum(this.workers())), WARNING_INTERVAL_MS);
    this.comparing.unref();
    this.watch = new ListenerWatch(listeners, logger, () => {
      this.noteOwnPorts();
      this.wakeThreads();
    });
  }

  /**
   * Resolves when every thread runs. Rejects with `LLAMA_ADDRESS_IN_USE`, `LLAMA_ARGUMENT_INVALID`, `LLAMA_SYSTEM_CALL`
   * or `LLAMA_THREAD`; then nothing stays open.
   */
  static async start(settings: ReflectorSettings, logger: Logger): Promise<Reflector> {
    new AllowList(settings.allow);
    const opened = openListeners(settings.listen, settings.threads, logger);
    let reflector: Reflector;
    try {
      reflector = new Reflector(settings, opened, logger);
    } catch (error) {
      for (const listener of opened.listeners) listener.close();
      throw error;
    }
    try {
      await reflector.supervised.started();
      reflector.state = 'running';
      if (settings.keys !== undefined) logger.debug({ hmac: hmacEngineName() }, 'replies are signed');
    } catch (error) {
      await reflector.close();
      throw error;
    }
    return reflector;
  }

  /** The listening addresses, with the ports that the system chose. */
  get endpoints(): readonly Endpoint[] {
    return this.listeners.map(({ endpoint }) => endpoint);
  }

  status(): ReflectorStatus {
    this.sync.read();
    const listeners = this.watch.status();
    const workers = this.workers();
    const totals = this.sum(workers);
    return {
      version: VERSION,
      startedAt: new Date(this.startedAtMs).toISOString(),
      uptimeMs: Math.round(performance.now() - this.started),
      state: this.state,
      listen: this.endpoints.map(formatEndpoint),
      listeners,
      warnings: [
        ...listenerWarnings(listeners),
        ...this.throttling.warnings(),
        ...this.lasting,
        ...clockSyncWarnings(this.sync, 'replies do not say that it is kept'),
        ...this.recent.warnings(totals),
      ],
      stateful: this.settings.stateful !== null,
      authenticated: this.keys !== null,
      clockSynchronised: this.sync.synchronised,
      maxPps: this.settings.maxPps,
      totals,
      workers,
    };
  }

  /** Replaces the keys (at least one) for all packets from now on. Only where keys were given at the start. */
  setKeys(keys: readonly Uint8Array[]): void {
    this.keys?.write(keys);
  }

  /** Terminates a thread, as a fault would; it is restarted. Resolves when it has ended. For fault tests. */
  async killThread(thread: number): Promise<void> {
    const gone = this.supervised.kill(thread);
    wake(this.threads[thread].wakeFd);
    await gone;
  }

  /** Stops the threads, within a second, and closes the sockets. */
  close(): Promise<void> {
    this.closed ??= this.shutDown();
    return this.closed;
  }

  private makeThreads(): Thread[] {
    const { threads: count, maxPps, allow, stateful } = this.settings;
    const clock = new SystemClock();
    const limits = stateful ?? DEFAULT_SESSIONS;
    const tokens = maxPps === null ? null : createTokens(maxPps, nsToMs(clock.nowNs()));
    const short = this.shortRequests(nsToMs(clock.nowNs()));
    return openWakes(count).map((wakeFd, thread) => {
      const control = new ControlBlock(REFLECTOR_COUNTERS);
      const start: ReflectorStart = {
        thread,
        timeBase: clock.timeBase,
        sockets: this.listeners.map(({ fds, endpoint }) => ({ fd: fds[thread], family: endpoint.family })),
        wakeFd,
        control: control.memory,
        doorbell: control.doorbell,
        allow: allow.length === 0 ? null : allow,
        limit: maxPps === null || tokens === null ? null : { maxPps, tokens },
        short,
        replyInterface: this.settings.replyInterface ?? 'routed',
        vrfs: this.vrfs.memory,
        stateful: stateful !== null,
        sessions: { timeoutMs: limits.timeoutMs, maxSessions: Math.ceil(limits.maxSessions / count) },
        keys: this.keys?.memory ?? null,
      };
      return { wakeFd, control, start };
    });
  }

  private shortRequests(nowMs: number): ShortRequestSettings | null {
    const { maxShortPps: maxPps = null, allow } = this.settings;
    if (maxPps === null) return null;
    this.noteOwnPorts();
    return { ownPorts: this.ownPorts, maxPps, tokens: allow.map(() => createTokens(maxPps, nowMs)) };
  }

  /** A listener may be bound to another port than before, or get its first port only now. */
  private noteOwnPorts(): void {
    const byPort = new Uint8Array(this.ownPorts);
    for (const { port } of this.endpoints) byPort[port] = 1;
  }

  private workers(): ReflectorThreadStatus[] {
    return this.threads.map((_, thread) => this.threadStatus(thread));
  }

  private sum(workers: readonly ReflectorThreadStatus[]): ReflectorTotals {
    const totals = { ...workers[0].totals };
    for (const worker of workers.slice(1))
      for (const name of Object.keys(totals) as (keyof ReflectorTotals)[]) totals[name] += worker.totals[name];
    return totals;
  }

  private example(name: keyof ReflectorTotals): string | undefined {
    if (name === 'receiveQueueDrops') return undefined;
    const example = newest(this.threads.map(({ control }) => control.examples.read(control.index(name))));
    if (example === undefined) return undefined;
    return name === 'sendErrors' ? refusalText(example) : packetText(example);
  }

  private threadStatus(thread: number): ReflectorThreadStatus {
    const drops = this.listeners.reduce((sum, listener) => sum + listener.drops(thread), 0);
    const totals = { ...this.threads[thread].control.snapshot(), receiveQueueDrops: drops };
    return { ...this.supervised.status(thread), totals };
  }

  private wakeThreads(): void {
    for (const { wakeFd } of this.threads) wake(wakeFd);
  }

  private async shutDown(): Promise<void> {
    this.state = 'stopping';
    this.watch.close();
    clearInterval(this.vrfTimer);
    clearInterval(this.comparing);
    for (const { control } of this.threads) control.ring();
    this.wakeThreads();
    // The sockets may close only after all threads have ended.
    await this.supervised.stop(STOP_TIMEOUT_MS);
    for (const listener of this.listeners) listener.close();
    for (const { wakeFd } of this.threads) closeDescriptor(wakeFd);
  }
}

/** One descriptor for each thread. @throws LlamaError `LLAMA_NO_FILES`; then nothing stays open. */
function openWakes(count: number): number[] {
  const wakeFds: number[] = [];
  try {
    while (wakeFds.length < count) wakeFds.push(openWake());
    return wakeFds;
  } catch (error) {
    for (const fd of wakeFds) closeDescriptor(fd);
    throw error;
  }
}
