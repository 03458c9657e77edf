/**
 * The shared worker of all tabs of a service: one stream for as many tabs as look at it. Browsers open six connections
 * to a host over HTTP/1.1, and a stream keeps its own: with one a tab, the sixth tab would have no data and the others
 * would freeze.
 */

import { StreamReader } from '../lib/streamReader.js';
import { type FromStream, SAYS_AGAIN_MS, type ToStream } from './streamMessages.js';

/** A tab that crashed says no farewell. */
const GONE_AFTER_MS = 4 * SAYS_AGAIN_MS;

interface Shared {
  readonly reader: StreamReader;
  /** Tabs by when they were last heard of, epoch ms. */
  readonly tabs: Map<MessagePort, number>;
}

/** By address and token: another token may see another service. */
const streams = new Map<string, Shared>();

function leave(port: MessagePort): void {
  for (const [key, { reader, tabs }] of streams) {
    tabs.delete(port);
    if (tabs.size > 0) continue;
    reader.stop();
    streams.delete(key);
  }
}

function join(port: MessagePort, { url, headers }: Extract<ToStream, { kind: 'join' }>): void {
  const key = JSON.stringify([url, headers]);
  const known = streams.get(key);
  if (known?.tabs.has(port) === true) {
    known.tabs.set(port, Date.now());
    return;
  }
  leave(port);
  const tabs = known?.tabs ?? new Map<MessagePort, number>();
  tabs.set(port, Date.now());
  // A state that another tab knows already is sent at once.
  if (known !== undefined) port.postMessage(known.reader.state satisfies FromStream);
  else {
    const reader = new StreamReader(url, headers, (state) => {
      for (const tab of tabs.keys()) tab.postMessage(state satisfies FromStream);
    });
    streams.set(key, { reader, tabs });
  }
}

setInterval(() => {
  const oldest = Date.now() - GONE_AFTER_MS;
  for (const { tabs } of streams.values()) for (const [tab, heard] of tabs) if (heard < oldest) leave(tab);
}, SAYS_AGAIN_MS);

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  if (port === undefined) return;
  port.addEventListener('message', ({ data }: MessageEvent<ToStream>) => {
    if (data.kind === 'join') join(port, data);
    else leave(port);
  });
  port.start();
});
