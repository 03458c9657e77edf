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
 * Lets the calling thread go before ordinary ones: a prober that waits for a core sends late, a reflector's queue overflows meanwhile.
 * Needs CAP_SYS_NICE; without it everything works, with more `scheduleSlips` on a busy host. (The aggregator stays ordinary: made to
 * yield, it starved on a busy host, and rings overflowed.)
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
/** A thread that uses more of a core than this is ordinary from then on, until it has used less than that for so long. */
const MOST_SHARE = 0.8;
const SHARE_TO_RETURN = 0.6;
const ORDINARY_FOR_NS = 1 * NS_PER_S;

/**
 * Real time for a thread that sleeps most of the time. An ordinary thread, of whatever nice value, waits for up to some milliseconds when
 * another is in the middle of its time slice (with two others that computed, a prober of 20,000 probes/s skipped 5 % of them; as a real-time
 * thread 0.2 %). A thread that hardly sleeps would keep its core from all others: it is ordinary as long as it is so busy.
 */
export class Urgency {
  private readonly tools: UrgencyTools;
  private allowed: boolean;
  private realTime: boolean;
  private lookedNs: number;
  private cpuNs: number;
  private ordinaryUntilNs = 0;

  constructor(nowNs: number, tools: UrgencyTools = systemTools()) {
    this.tools = tools;
    this.allowed = tools.setRealTime(true);
    this.realTime = this.allowed;
    this.lookedNs = nowNs;
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
    if (share > (this.realTime ? MOST_SHARE : SHARE_TO_RETURN)) {
      this.ordinaryUntilNs = nowNs + ORDINARY_FOR_NS;
      if (this.realTime) this.set(false);
    } else if (!this.realTime && nowNs >= this.ordinaryUntilNs) this.set(true);
  }

  private set(realTime: boolean): void {
    this.allowed = this.tools.setRealTime(realTime);
    this.realTime = realTime && this.allowed;
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
