/** Scheduling of the calling thread: it goes before others, as far as the system allows it (CAP_SYS_NICE; for real time also RLIMIT_RTPRIO). */

import { CLOCK_THREAD_CPUTIME_ID } from './constants.js';
import { libc } from './libc.js';
import { NativeMemory } from './memory.js';

/** On Linux "process 0" of setpriority(2) and sched_setscheduler(2) is the calling thread alone. */
const CALLING_THREAD = 0;
const PRIO_PROCESS = 0;
const URGENT_NICE = -10;
const SCHED_OTHER = 0;
const SCHED_RR = 2;
/** The lowest: before all ordinary threads, after everything else that is real-time. */
const REAL_TIME_PRIORITY = 1;
const NS_PER_S = 1_000_000_000;
const NS_PER_MS = 1_000_000;

/**
 * Lets the calling thread go before ordinary ones: a prober that waits for a core sends late, a reflector's queue overflows meanwhile, and rings overflow
 * when the aggregator waits for long. Needs CAP_SYS_NICE; without it everything works, with more `scheduleSlips` on a busy host.
 */
export function goBeforeOthers(): void {
  libc.setpriority(PRIO_PROCESS, CALLING_THREAD, URGENT_NICE);
}

/** What `Urgency` takes from outside, so that tests can pass their own. */
export interface UrgencyTools {
  /** CPU time of the calling thread, ns. */
  readonly cpuNs: () => number;
  /** Makes the calling thread a real-time one, or ordinary again; false when it may not. */
  readonly setRealTime: (on: boolean) => boolean;
}

/** How often the thread's use of CPU time is looked at. */
const LOOK_EVERY_NS = 250 * NS_PER_MS;
/**
 * A real-time thread that uses more of a core than this becomes ordinary. (A prober of 100,000 probes/s that stayed real-time starved the
 * reflector on the same two cores, when eight other programs computed there: replies came late. Ordinary, it skips probes instead.)
 */
const MOST_SHARE = 0.4;
/** For so long at first, and twice as long each time, up to the most; from the first again when it has been real-time for the longest. */
const FIRST_ORDINARY_NS = 1 * NS_PER_S;
const LONGEST_ORDINARY_NS = 60 * NS_PER_S;

/**
 * Real time for a thread that sleeps most of the time. An ordinary thread, of whatever nice value, waits for up to some milliseconds when
 * another is in the middle of its time slice (with two others that computed, a prober of 20,000 probes/s skipped 5 % of them; as a real-time
 * thread 0.2 %). A thread that hardly sleeps would keep its core from all others: it is ordinary most of the time. How much it needs is only
 * seen while it is real-time: an ordinary thread uses little when it is kept from its core.
 */
export class Urgency {
  private readonly tools: UrgencyTools;
  private allowed: boolean;
  private realTime: boolean;
  /** When its CPU time was last read; when it last became real-time or ordinary. */
  private lookedNs: number;
  private changedNs: number;
  private cpuNs: number;
  private ordinaryForNs = FIRST_ORDINARY_NS / 2;

  constructor(nowNs: number, tools: UrgencyTools = systemTools()) {
    this.tools = tools;
    this.allowed = tools.setRealTime(true);
    this.realTime = this.allowed;
    this.lookedNs = nowNs;
    this.changedNs = nowNs;
    this.cpuNs = tools.cpuNs();
  }

  /** Call it often; it looks every 250 ms. */
  watch(nowNs: number): void {
    const passedNs = nowNs - this.lookedNs;
    if (!this.allowed || passedNs < LOOK_EVERY_NS) return;
    const cpuNs = this.tools.cpuNs();
    const share = (cpuNs - this.cpuNs) / passedNs;
    this.lookedNs = nowNs;
    this.cpuNs = cpuNs;
    const sinceNs = nowNs - this.changedNs;
    if (!this.realTime) {
      if (sinceNs >= this.ordinaryForNs) this.set(true, nowNs);
    } else if (share > MOST_SHARE) {
      this.ordinaryForNs =
        sinceNs >= LONGEST_ORDINARY_NS ? FIRST_ORDINARY_NS : Math.min(this.ordinaryForNs * 2, LONGEST_ORDINARY_NS);
      this.set(false, nowNs);
    }
  }

  private set(realTime: boolean, nowNs: number): void {
    this.allowed = this.tools.setRealTime(realTime);
    this.realTime = realTime && this.allowed;
    this.changedNs = nowNs;
  }
}

function systemTools(): UrgencyTools {
  const memory = new NativeMemory(16);
  return {
    cpuNs: () => {
      libc.clock_gettime(CLOCK_THREAD_CPUTIME_ID, memory.address);
      return memory.u32[0] * NS_PER_S + memory.u32[2];
    },
    setRealTime: (on) => {
      memory.i32[0] = on ? REAL_TIME_PRIORITY : 0;
      return libc.sched_setscheduler(CALLING_THREAD, on ? SCHED_RR : SCHED_OTHER, memory.address) === 0;
    },
  };
}
