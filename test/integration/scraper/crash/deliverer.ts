/**
 * A scraper without pollers, to be killed: delivers the intervals of some collectors, each from its cursor on, to files
 * and to a database, and moves the cursor when an interval is safe. Prints a line for each. Arguments: state directory,
 * directory of the files, URL of the database, collectors, intervals, rows.
 */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { Cursors } from '../../../../src/scraper/delivery/cursors.js';
import { WriterDelivery } from '../../../../src/scraper/delivery/delivery.js';
import { INTERVAL_MS, sampleInterval } from '../../../support/fakes/intervals.js';

const [stateDir = '', dir = '', url = '', collectors = '', intervals = '', rows = ''] = process.argv.slice(2);
const logger = pino({ level: 'warn' }, process.stderr);
const delivery = await WriterDelivery.open(
  [
    { kind: 'file', dir, maxBytes: 100_000 },
    { kind: 'influx1', url, database: 'd' },
  ],
  // Both ways are taken: what is not written within some milliseconds goes to the spool.
  { stateDir, spoolAfterMs: 20, queueMaxRows: 100 },
  logger,
  { batchRows: 40, baseMs: 20, maxMs: 40 },
);
const cursors = await Cursors.open(join(stateDir, 'cursors.json'), logger, 5);

async function follow(collector: string): Promise<void> {
  const first = sampleInterval(collector, 0, 0).endMs;
  const cursor = cursors.get(collector);
  for (let index = cursor === undefined ? 0 : (cursor - first) / INTERVAL_MS + 1; index < Number(intervals); index++) {
    const interval = sampleInterval(collector, index, Number(rows));
    await delivery.deliver(interval);
    cursors.advance(collector, interval.endMs);
    process.stdout.write(`${collector} ${interval.endMs}\n`);
    // As pollers do, it lets time pass: the cursor is saved while what was delivered last may still be on its way.
    await sleep(1);
  }
}

await Promise.all(Array.from({ length: Number(collectors) }, (_, index) => follow(`host-${index}`)));
for (;;) {
  if (delivery.status().every(({ queued, spoolIntervals }) => queued + spoolIntervals === 0)) break;
  await sleep(5);
}
await delivery.close();
await cursors.flush();
process.stdout.write('done\n');
