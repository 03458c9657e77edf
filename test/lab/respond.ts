/**
 * A plain responder as a process of its own, for a namespace: `node respond.js PORT MODE ADDRESS…`.
 * MODE: a `Mode` of the responder, as JSON. Prints `ready` when it listens; runs until it is ended.
 */

import { type Mode, Responder } from '../support/fakes/responder.js';

const [port, mode, ...addresses] = process.argv.slice(2);
for (const address of addresses) await Responder.start(JSON.parse(mode) as Mode, address, Number(port));
console.log('ready');
