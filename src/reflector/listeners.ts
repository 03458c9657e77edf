/** Opening the reflector's sockets: one per listen address and thread, all threads on one port (SO_REUSEPORT). Main thread only. */

import type { Logger } from 'pino';
import { LlamaError } from '../errors.js';
import { type Endpoint, formatEndpoint } from '../net/endpoint.js';
import { UdpSocket, type UdpSocketOptions } from '../net/socket.js';

/** LLAMA's port, and the STAMP port here too: 862 would need privileges. */
export const DEFAULT_LISTEN: readonly Endpoint[] = [
  { address: '0.0.0.0', family: 4, port: 8100 },
  { address: '::', family: 6, port: 8100 },
];

/**
 * The kernel doubles it and takes about 768 bytes for a small packet: 80,000 requests, 0.3 s of full load. A request that waits
 * has its T2 already, so a long queue costs no exactness, while a full one loses probes that the network delivered.
 */
const RECEIVE_BUFFER_BYTES = 32 * 1024 * 1024;
const SEND_BUFFER_BYTES = 8 * 1024 * 1024;
const RECEIVE_BUFFER_MIN_BYTES = 4 * 1024 * 1024;

export interface Listener {
  /** Where it is bound. */
  readonly endpoint: Endpoint;
  /** One per thread. */
  readonly sockets: readonly UdpSocket[];
}

function socketOptions(endpoint: Endpoint, port: number): UdpSocketOptions {
  return {
    family: endpoint.family,
    address: endpoint.address,
    zone: endpoint.zone,
    port,
    reusePort: true,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    sendBufferBytes: SEND_BUFFER_BYTES,
    tosAndTtl: true,
    packetInfo: true,
    // RFC 8762 section 4.3: so that the sender can tell how many routers a reply has passed.
    ttl: 255,
    stamps: 'receive',
  };
}

/** Binds without SO_REUSEPORT and closes again: with it, the kernel would let us share another reflector's port and its packets. */
function checkFree(endpoint: Endpoint): void {
  const { family, address, zone, port } = endpoint;
  UdpSocket.open({ family, address, zone, port }).close();
}

/** The default addresses without those whose family this host does not have. */
function usableDefaults(logger: Logger): Endpoint[] {
  return DEFAULT_LISTEN.filter((endpoint) => {
    try {
      checkFree(endpoint);
      return true;
    } catch (error) {
      if (endpoint.family === 4 || !(error instanceof LlamaError) || error.code !== 'LLAMA_SYSTEM_CALL') throw error;
      logger.warn({ listen: formatEndpoint(endpoint), reason: error.message }, 'IPv6 is not available: IPv4 only');
      return false;
    }
  });
}

function openListener(endpoint: Endpoint, threads: number): Listener {
  const sockets: UdpSocket[] = [];
  try {
    while (sockets.length < threads)
      sockets.push(UdpSocket.open(socketOptions(endpoint, sockets[0]?.port ?? endpoint.port)));
  } catch (error) {
    for (const socket of sockets) socket.close();
    throw error;
  }
  return { endpoint: { ...endpoint, port: sockets[0].port }, sockets };
}

export function closeListeners(listeners: readonly Listener[]): void {
  for (const { sockets } of listeners) for (const socket of sockets) socket.close();
}

/**
 * Opens `threads` sockets per endpoint; null: the default endpoints. Throws `LLAMA_ADDRESS_IN_USE` when another process has a
 * port, `LLAMA_ARGUMENT_INVALID` when an endpoint is there twice; nothing stays open then.
 */
export function openListeners(wanted: readonly Endpoint[] | null, threads: number, logger: Logger): Listener[] {
  const endpoints = wanted ?? usableDefaults(logger);
  const texts = endpoints.filter(({ port }) => port !== 0).map(formatEndpoint);
  const twice = texts.find((text, i) => texts.indexOf(text) !== i);
  if (twice !== undefined)
    throw new LlamaError('LLAMA_ARGUMENT_INVALID', `--listen ${twice} is given twice; give each address once`);
  for (const endpoint of endpoints) if (endpoint.port !== 0) checkFree(endpoint);
  const listeners: Listener[] = [];
  try {
    for (const endpoint of endpoints) listeners.push(openListener(endpoint, threads));
  } catch (error) {
    closeListeners(listeners);
    throw error;
  }
  // The kernel reports the double of what it was asked for.
  const granted = Math.min(
    ...listeners.flatMap(({ sockets }) => sockets.map((socket) => socket.receiveBufferBytes / 2)),
  );
  if (granted < RECEIVE_BUFFER_MIN_BYTES)
    logger.warn(
      { receiveBufferBytes: granted },
      'receive buffers are small, bursts may be dropped: give CAP_NET_ADMIN, or raise net.core.rmem_max',
    );
  return listeners;
}
