/**
 * A plain sender of STAMP requests as a process of its own, for a namespace: `node sender.js TARGET PORT FLOWS PER_FLOW
 * GAP_MS [FIRST_SOURCE_PORT]`.
 *
 * Each flow has a source port of its own, an SSID (its number plus one) and sequence numbers from 0. One probe of each
 * flow is sent every `GAP_MS`. Ends when all replies are there, or 500 ms after the last probe was sent; prints `{
 * "sent", "received" }`.
 */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildRequest } from '../support/fakes/responder.js';

const [target, ...rest] = process.argv.slice(2);
const [port, flows, perFlow, gapMs, firstPort = 0] = rest.map(Number);
const LAST_REPLY_MS = 500;

let received = 0;
const sockets: Socket[] = [];
for (let i = 0; i < flows; i++) {
  const socket = createSocket(isIPv6(target) ? 'udp6' : 'udp4');
  socket.on('message', () => received++);
  socket.bind(firstPort === 0 ? 0 : firstPort + i);
  await once(socket, 'listening');
  sockets.push(socket);
}
for (let sequence = 0; sequence < perFlow; sequence++) {
  for (const [i, socket] of sockets.entries()) socket.send(buildRequest(sequence, i + 1), port, target);
  await sleep(gapMs);
}
const deadline = performance.now() + LAST_REPLY_MS;
while (received < flows * perFlow && performance.now() < deadline) await sleep(5);
for (const socket of sockets) socket.close();
console.log(JSON.stringify({ sent: flows * perFlow, received }));
