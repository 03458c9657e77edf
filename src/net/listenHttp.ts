/**
 * Makes an HTTP server listen. Fastify's own `listen` lists the addresses of all interfaces for its log, through a
 * netlink socket. Where a service may not open one (RestrictAddressFamilies= without AF_NETLINK), that throws an
 * exception that can't be caught.
 */

import type { Server } from 'node:http';
import { Server as SecureServer } from 'node:https';
import { formatEndpoint } from './endpoint.js';

/** The parts of a Fastify app that are needed. */
interface HttpApp {
  readonly server: Server;
  ready(): PromiseLike<unknown>;
  register(plugin: (child: HttpAppChild) => Promise<void>): unknown;
}

interface HttpAppChild {
  addHook(name: 'preClose', hook: () => Promise<void>): unknown;
}

export interface Listening {
  /** URL for clients: for a wildcard address, one of this host. */
  readonly url: string;
  /** The bound `ADDRESS:PORT`; the address may be a wildcard. */
  readonly bound: string;
  /** Why it does not listen on IPv6 as requested; undefined otherwise. */
  readonly withoutIpv6: string | undefined;
}

/** Errors of a host or process without IPv6. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/**
 * Resolves when it listens; with `fallBack`, `::` becomes `0.0.0.0` where IPv6 is missing. Rejects with the system's
 * error.
 */
export async function listenHttp(app: HttpApp, host: string, port: number, fallBack = false): Promise<Listening> {
  const { server } = app;
  // Fastify closes the connections only of servers that its own `listen` started. Hooks run by plugin, in the order of
  // registration. This one comes after the hooks that end streams; otherwise it would cut them off.
  app.register(async (last) => {
    last.addHook('preClose', async () => server.closeAllConnections());
  });
  await app.ready();
  let withoutIpv6: string | undefined;
  try {
    await listen(server, host, port);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (!fallBack || host !== '::' || !NO_IPV6.has(code)) throw error;
    withoutIpv6 = message;
    await listen(server, '0.0.0.0', port);
  }
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('the server was closed while it began to listen');
  const address = bound.address === '0.0.0.0' ? '127.0.0.1' : bound.address;
  const scheme = server instanceof SecureServer ? 'https' : 'http';
  return {
    url: `${scheme}://${formatEndpoint({ address, port: bound.port })}`,
    bound: formatEndpoint({ address: bound.address, port: bound.port }),
    withoutIpv6,
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
