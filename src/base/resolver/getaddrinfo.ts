/**
 * The system's resolver, getaddrinfo, for names that only it knows (mDNS, LDAP, systemd). Each call occupies one of
 * libuv's threads until it ends, up to half a minute with a dead name server. Files and compression need those threads
 * too, so calls use at most half of them.
 */

import { lookup } from 'node:dns/promises';
import type { HostAddress } from './resolverFiles.js';

/** libuv's default; UV_THREADPOOL_SIZE overrides it. */
const DEFAULT_THREADS = 4;

type GetAddressInfo = (name: string) => Promise<readonly HostAddress[]>;

/** Limit of concurrent calls. A pool of one thread allows one. */
export function mostCalls(threads = process.env.UV_THREADPOOL_SIZE): number {
  const size = Math.trunc(Number(threads));
  return Math.max(1, Math.floor((size >= 1 ? size : DEFAULT_THREADS) / 2));
}

export class AddressInfoCalls {
  private readonly call: GetAddressInfo;
  private readonly most: number;
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(call: GetAddressInfo = systemCall, most = mostCalls()) {
    this.call = call;
    this.most = most;
  }

  /**
   * Rejects with the error of getaddrinfo, or when `wanted` returns false before the call begins. `first`: before all
   * waiting calls.
   */
  async ask(
    name: string,
    { wanted = () => true, first = false }: { readonly wanted?: () => boolean; readonly first?: boolean } = {},
  ): Promise<readonly HostAddress[]> {
    if (this.running >= this.most)
      await new Promise<void>((resolve) => {
        if (first) this.waiting.unshift(resolve);
        else this.waiting.push(resolve);
      });
    else this.running += 1;
    try {
      if (!wanted()) throw new Error(`${name} is not asked for any more`);
      return await this.call(name);
    } finally {
      const next = this.waiting.shift();
      // The next waiting caller takes over the slot.
      if (next === undefined) this.running -= 1;
      else next();
    }
  }
}

async function systemCall(name: string): Promise<readonly HostAddress[]> {
  const found = await lookup(name, { all: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}
