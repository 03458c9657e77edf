/** A reflector on loopback, closed after the suite or test that started it. */

import pino from 'pino';
import { parseListen } from '../../../src/net/endpoint.js';
import { Reflector, type ReflectorSettings } from '../../../src/reflector/reflector.js';
import { UdpPeer } from '../fakes/udpPeer.js';

export const silent = pino({ level: 'silent' });

export interface Overrides extends Partial<Omit<ReflectorSettings, 'listen'>> {
  readonly listen?: readonly string[];
}

export function settings(overrides: Overrides = {}): ReflectorSettings {
  const { listen = ['127.0.0.1:0'], ...rest } = overrides;
  return {
    threads: 1,
    maxPps: null,
    allow: [],
    stateful: null,
    ...rest,
    listen: listen.map((text) => parseListen(text)),
  };
}

/** Starts reflectors and peers; `closeAll` belongs in `afterEach` or `after`. */
export class Fixture {
  private readonly reflectors: Reflector[] = [];
  private readonly peers: UdpPeer[] = [];

  async reflector(overrides: Overrides = {}): Promise<{ readonly reflector: Reflector; readonly port: number }> {
    const reflector = await Reflector.start(settings(overrides), silent);
    this.reflectors.push(reflector);
    return { reflector, port: reflector.endpoints[0].port };
  }

  async peer(address?: string): Promise<UdpPeer> {
    const peer = await UdpPeer.open(address);
    this.peers.push(peer);
    return peer;
  }

  async closeAll(): Promise<void> {
    await Promise.all([
      ...this.peers.splice(0).map((peer) => peer.close()),
      ...this.reflectors.splice(0).map((reflector) => reflector.close()),
    ]);
  }
}
