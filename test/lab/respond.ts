/**
 * A plain responder as a process of its own, for a namespace: `node respond.js PORT DELAY_MS ADDRESS…`.
 * Answers after the delay (0: at once). Prints `ready` when it listens; runs until it is ended.
 */

import { Responder } from '../support/responder.js';

const [port, delayMs, ...addresses] = process.argv.slice(2);
const ms = Number(delayMs);
for (const address of addresses)
  await Responder.start(ms === 0 ? { kind: 'normal' } : { kind: 'late', ms }, address, Number(port));
console.log('ready');
