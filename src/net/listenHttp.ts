/**
 * Has an HTTP server listen. Fastify's own `listen` lists the addresses of all interfaces for its log, by a netlink socket; where a service may
 * not have one (RestrictAddressFamilies= without AF_NETLINK) that is an exception that nobody can catch.
 */

import type { Server } from 'node:http';
import { Server as SecureServer } from 'node:https';
import { formatEndpoint } from './endpoint.js';

/** What of a Fastify app is needed. */
export interface HttpApp {
  readonly server: Server;
  ready(): PromiseLike<unknown>;
  register(plugin: (child: HttpAppChild) => Promise<void>): unknown;
}

export interface HttpAppChild {
  addHook(name: 'preClose', hook: () => Promise<void>): unknown;
}

export interface Listening {
  /** Where to ask it: of a wildcard address, one of this host. */
  readonly url: string;
  /** What it is bound to, `ADDRESS:PORT`; the address may be a wildcard. */
  readonly bound: string;
  /** Why it does not listen on IPv6, though it was asked to; undefined when it does, or was not. */
  readonly withoutIpv6: string | undefined;
}

/** Codes of a host, or a process, that has no IPv6. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** Resolves when it listens; with `fallBack` `::` becomes `0.0.0.0` where there is no IPv6. Rejects with the system's error. */
export async function listenHttp(app: HttpApp, host: string, port: number, fallBack = false): Promise<Listening> {
  const { server } = app;
  // Fastify closes the connections of servers that it had listen itself. Hooks run by plugin, in the order of registration: this one comes after
  // those that end streams, or it would cut them off.
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
