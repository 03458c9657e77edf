/** Who may change something: without a token, only a client on this host. */

import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { isLoopback } from '../config/address.js';
import { LlamaError } from '../errors.js';

/**
 * Hook for routes that change something.
 * @throws LlamaError `LLAMA_READ_ONLY` for a client elsewhere, and for a web page from elsewhere in a browser on this host:
 * its name may have been made to resolve to the loopback address (DNS rebinding), so only an address or `localhost` is taken.
 */
export async function requireLocalWriter(request: FastifyRequest): Promise<void> {
  if (!isLoopback(request.ip))
    throw new LlamaError(
      'LLAMA_READ_ONLY',
      `found a request from ${request.ip}, expected one from the host of the collector (127.0.0.1 or ::1)`,
    );
  const { origin } = request.headers;
  if (origin !== undefined && !isLocalOrigin(origin))
    throw new LlamaError('LLAMA_READ_ONLY', `found the web origin ${origin}, expected this collector's own page`);
}

function isLocalOrigin(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const host = new URL(origin).hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
}
