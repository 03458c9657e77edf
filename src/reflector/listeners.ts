/** Opens the addresses that a reflector listens on. Main thread only. */

import type { Logger } from 'pino';
import { LlamaError } from '../base/errors.js';
import { type Endpoint, formatEndpoint } from '../net/endpoint.js';
import { whyNotLocal } from '../net/localAddress.js';
import { checkFree, Listener } from './listener.js';
import { refusalWarnings } from './refusals.js';

/** LLAMA's port, also used for STAMP: port 862 would need privileges. */
const DEFAULT_LISTEN: readonly Endpoint[] = [
  { address: '0.0.0.0', family: 4, port: 8100 },
  { address: '::', family: 6, port: 8100 },
];

const RECEIVE_BUFFER_MIN_BYTES = 4 * 1024 * 1024;

export interface OpenedListeners {
  readonly listeners: readonly Listener[];
  /** Permanent restrictions of the reflector on this host. */
  readonly warnings: readonly string[];
}

/**
 * Opens `threads` sockets per endpoint; null: the default endpoints. `check` opens an endpoint later when the host
 * lacks its address, but at least one address must exist now. Throws `LLAMA_ADDRESS_IN_USE` when another process has a
 * port, `LLAMA_ARGUMENT_INVALID` when an endpoint is given twice, or `LLAMA_SYSTEM_CALL`; then nothing stays open.
 */
export function openListeners(wanted: readonly Endpoint[] | null, threads: number, logger: Logger): OpenedListeners {
  const warnings: string[] = [];
  const endpoints = wanted ?? usableDefaults(warnings);
  const texts = endpoints.filter(({ port }) => port !== 0).map(formatEndpoint);
  const twice = texts.find((text, i) => texts.indexOf(text) !== i);
  if (twice !== undefined)
    throw new LlamaError('LLAMA_ARGUMENT_INVALID', `--listen ${twice} is given twice; give each address once`);
  // Before any is opened, because our own wildcard address would make others busy. `Listener.check` handles addresses
  // that the host lacks. If all are missing, a typing error is more likely than a late interface.
  const absent = endpoints.filter((endpoint) => whyNotLocal(endpoint) !== undefined);
  for (const endpoint of endpoints)
    if (endpoint.port !== 0 && (absent.length === endpoints.length || !absent.includes(endpoint))) checkFree(endpoint);
  const sharesPort = (one: Endpoint): boolean =>
    endpoints.some((other) => other !== one && other.family === one.family && other.port === one.port);
  const listeners: Listener[] = [];
  try {
    for (const endpoint of endpoints) listeners.push(new Listener(endpoint, threads, sharesPort(endpoint)));
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  }
  const granted = Math.min(...listeners.map(({ receiveBufferBytes }) => receiveBufferBytes));
  if (granted < RECEIVE_BUFFER_MIN_BYTES)
    warnings.push(
      `receive buffers are ${granted} bytes: bursts of probes may be dropped here (counted as receiveQueueDrops); give CAP_NET_ADMIN, or raise net.core.rmem_max`,
    );
  warnings.push(...refusalWarnings(new Set(endpoints.map(({ family }) => family))));
  for (const warning of warnings) logger.warn(warning);
  return { listeners, warnings };
}

/** The default addresses whose family this host supports. */
function usableDefaults(warnings: string[]): Endpoint[] {
  return DEFAULT_LISTEN.filter((endpoint) => {
    try {
      checkFree(endpoint);
      return true;
    } catch (error) {
      if (endpoint.family === 4 || !(error instanceof LlamaError) || error.code !== 'LLAMA_SYSTEM_CALL') throw error;
      warnings.push(`not listening on ${formatEndpoint(endpoint)}, IPv4 only: ${error.message}`);
      return false;
    }
  });
}
