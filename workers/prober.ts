/** Entry of a prober thread: its task runs until the thread is told to stop. */

import { type MessagePort, receiveMessageOnPort, threadId } from 'node:worker_threads';
import type { ProberStart, ToProber } from '../src/collector/messages.js';
import { Prober } from '../src/collector/prober/prober.js';
import { systemClock } from '../src/net/clock.js';
import { goBeforeOthers, Urgency } from '../src/net/priority.js';

export interface ProberTask {
  readonly start: ProberStart;
  readonly port: MessagePort;
}

export default function probe({ start, port }: ProberTask): void {
  const messages = (): ToProber | undefined => receiveMessageOnPort(port)?.message as ToProber | undefined;
  goBeforeOthers();
  const clock = systemClock(start.timeBase);
  const urgency = new Urgency(clock.nowNs());
  const prober = new Prober(start, messages, { clock, watch: (nowNs) => urgency.watch(nowNs) });
  prober.control.threadId = threadId;
  prober.run();
}
