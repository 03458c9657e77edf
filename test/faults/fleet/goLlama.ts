/**
 * Dropbox's LLAMA in Go as a scraper sees it: a process that answers `/influxdata` with the last interval, byte for
 * byte as its encoding/json writes it, without a time (Go's zero time). Sums up some time after the end of the
 * interval, as its timer does. Prints every interval when it is finished, with its end, so that a test knows what was
 * measured when. Arguments: address, port, length of its intervals (ms).
 */

import { createServer } from 'node:http';

const [address = '', port = '', length = ''] = process.argv.slice(2);
const intervalMs = Number(length);
const TARGETS = ['10.2.0.2', '10.2.0.3', '10.2.0.4'];
/** The latest that it sums up after the end of an interval. */
const LATEST_MS = 400;

let text = '[]';
let counted = 0;

const f = (value: number): string => value.toFixed(6);

/** Go writes maps with their keys sorted, and & as an escape. */
function point(target: string, sent: number, lost: number): string {
  const rtt = lost === sent ? 0 : 0.3 + Math.random();
  return (
    `{"fields":{"loss":${f((100 * lost) / sent)},"lost":${f(lost)},"rtt":${f(rtt)},"sent":${f(sent)}},` +
    `"tags":{"dst_ip":"${target}","dst_rack":"r\\u0026d","src_ip":"${address}"},"time":"0001-01-01T00:00:00Z","measurement":"raw_stats"}`
  );
}

function sumUp(endMs: number): void {
  counted += 1;
  // Two intervals of a dead network look alike, one after the other; all others can be told apart by `sent`.
  const dead = counted % 4 >= 2;
  const points = TARGETS.map((target, index) => {
    const sent = dead ? 480 : 1000 * (counted + 1) + index;
    return { target, sent, lost: dead ? 480 : Math.floor(Math.random() * 10) };
  });
  text = `[${points.map(({ target, sent, lost }) => point(target, sent, lost)).join(',')}]`;
  process.stdout.write(`${JSON.stringify({ endMs, points })}\n`);
}

function wait(): void {
  const endMs = (Math.floor(Date.now() / intervalMs) + 1) * intervalMs;
  setTimeout(
    () => {
      sumUp(endMs);
      wait();
    },
    endMs - Date.now() + 20 + Math.random() * (LATEST_MS - 20),
  );
}

createServer((request, response) => {
  if (request.url !== '/influxdata') {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
    return;
  }
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }).end(text);
}).listen(Number(port), address, () => {
  process.stdout.write('listening\n');
  wait();
});
