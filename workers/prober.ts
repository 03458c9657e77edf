/** Entry of a prober thread: its task runs until the thread is told to stop. */

import { receiveMessageOnPort, threadId } from 'node:worker_threads';
import { systemClock } from '../src/net/clock.js';
import { goBeforeOthers, Urgency } from '../src/net/priority.js';
import { Prober } from '../src/prober/prober.js';
import type { ProberTask, ToProber } from '../src/threads/messages.js';

export default function probe({ start, port }: ProberTask): void {
  const messages = (): ToProber | undefined => receiveMessageOnPort(port)?.message as ToProber | undefined;
  goBeforeOthers();
  const clock = systemClock(start.timeBase);
  // A window closes the loop: then replies set the pace, there is no schedule to keep, and to go before who answers makes batches smaller.
  const urgency = start.window === 0 ? new Urgency(clock.nowNs()) : undefined;
  const prober = new Prober(start, messages, { clock, watch: (nowNs) => urgency?.watch(nowNs) });
  prober.control.threadId = threadId;
  prober.run();
}
