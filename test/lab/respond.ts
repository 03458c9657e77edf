/**
 * A well-behaved responder as a process of its own, for a namespace: `node respond.js ADDRESS PORT`.
 * Prints `ready` when it listens; runs until it is ended.
 */

import { Responder } from '../support/responder.js';

const [address, port] = process.argv.slice(2);
await Responder.start({ kind: 'normal' }, address, Number(port));
console.log('ready');
