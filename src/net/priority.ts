/**
 * Scheduling of the calling thread: raises its priority as far as the system allows (CAP_SYS_NICE; for real time also
 * RLIMIT_RTPRIO).
 */

import { CLOCK_THREAD_CPUTIME_ID } from './constants.js';
import { libc } from './libc.js';
import { NativeMemory } from './memory.js';

/** On Linux "process 0" of setpriority(2) and sched_setscheduler(2) is the calling thread only. */
const CALLING_THREAD = 0;
const PRIO_PROCESS = 0;
const URGENT_NICE = -10;
const SCHED_OTHER = 0;
const SCHED_RR = 2;
/** The lowest real-time priority: above all ordinary threads, below all other real-time ones. */
const REAL_TIME_PRIORITY = 1;
const NS_PER_S = 1_000_000_000;
const NS_PER_MS = 1_000_000;

/**
 * Gives the calling thread priority over ordinary ones. A prober that waits for a core sends late, a waiting
 * reflector's queue overflows, and rings overflow while the aggregator waits. Needs CAP_SYS_NICE; without it everything
 * works, with more `scheduleSlips` on a busy host.
 */
export function goBeforeOthers(): void {
  libc.setpriority(PRIO_PROCESS, CALLING_THREAD, URGENT_NICE);
}

/** Dependencies of `Urgency`, replaceable in tests. */
interface UrgencyTools {
  /** CPU time of the calling thread, ns. */
  readonly cpuNs: () => number;
  /** Makes the calling thread real-time or ordinary; false when not permitted. */
  readonly setRealTime: (on: boolean) => boolean;
}

/** Interval of checking the thread's CPU time. */
const LOOK_EVERY_NS = 250 * NS_PER_MS;
/**
 * A real-time thread that uses a larger share of a core becomes ordinary. (A prober of 100,000 probes/s that stayed
 * real-time starved the reflector on the same two cores while eight other programs computed there: replies came late.
 * An ordinary one skips probes instead.)
 */
const MOST_SHARE = 0.4;
/**
 * Ordinary time: the first value, doubled each time up to the longest. It restarts from the first after real time of
 * the longest duration.
 */
const FIRST_ORDINARY_NS = 1 * NS_PER_S;
const LONGEST_ORDINARY_NS = 60 * NS_PER_S;

/**
 * Real-time scheduling for a thread that sleeps most of the time. An ordinary thread of any nice value waits for some
 * milliseconds while another uses its time slice. (With two others that computed, a prober of 20,000 probes/s skipped 5
 * % of its probes, and 0.2 % as a real-time thread.) A thread that hardly sleeps would block its core for all others,
 * so it stays ordinary most of the time. Its need of CPU time is visible only while it is real-time: an ordinary thread
 * uses little when others have its core.
 */
export class Urgency {
  private readonly tools: UrgencyTools;
  private allowed: boolean;
  private realTime: boolean;
  /** Time of the last CPU reading, and of the last change of scheduling. */
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

  /** Call it often; it checks every 250 ms. */
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
