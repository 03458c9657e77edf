/**
 * `llama` in a process whose prober threads can be killed from outside: SIGUSR2 kills one after the other, as a fault
 * would.
 */

import { Collector } from '../../src/collector/collector.js';

const { start } = Collector;
Collector.start = async (...args) => {
  const collector = await start.apply(Collector, args);
  let kills = 0;
  process.on('SIGUSR2', () => {
    const probers = collector.status().workers.length;
    collector.killThread('prober', kills++ % probers).catch((error: unknown) => console.error(error));
  });
  return collector;
};
await import('../../src/cli/main.js');
