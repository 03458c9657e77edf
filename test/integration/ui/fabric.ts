/**
 * A mesh of collectors and reflectors in the lab's fabric, and a scraper over all of them: what the page's screenshots
 * are of. Every host has a collector of its own; what goes from one leaf to the other takes one of four spines.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { type HostName, Network } from '../../lab/network.js';
import type { Spine } from '../../lab/spine.js';
import { HttpClient } from '../../support/processes/http.js';
import { type Running, startLlama } from '../../support/processes/process.js';
import { launchInside } from './inside.js';

const PORT = 8100;
const FIRST_API_PORT = 5001;
const SCRAPER_PORT = 5050;
const START_MS = 30_000;
/** Host numbers on each side, from .2 on: 10.1.0.2 behind leafA, 10.2.0.2 behind leafB. */
const HOSTS = [2, 3, 4, 5];

interface Host {
  readonly at: HostName;
  readonly name: string;
  readonly address: string;
  readonly rack: string;
  readonly region: string;
}

const host = (at: 'A' | 'B', number: number, net: number): Host => ({
  at,
  name: `host-${at.toLowerCase()}${number - 1}`,
  address: `10.${net}.0.${number}`,
  rack: `${at.toLowerCase()}${Math.floor((number - 2) / 2) + 1}`,
  region: at === 'A' ? 'west' : 'east',
});
const MESH: readonly Host[] = [...HOSTS.map((n) => host('A', n, 1)), ...HOSTS.map((n) => host('B', n, 2))];

export class Fabric {
  private readonly network: Network;
  private readonly directory: string;
  private readonly running: Running[] = [];

  private constructor(network: Network, directory: string) {
    this.network = network;
    this.directory = directory;
  }

  /** Resolves when every collector measures. The scraper and the collectors of A answer in A only. */
  static async start(): Promise<Fabric> {
    const network = await Network.create();
    const fabric = new Fabric(network, await mkdtemp(join(tmpdir(), 'llama-fabric-')));
    try {
      await fabric.addAddresses();
      await fabric.startAll();
      return fabric;
    } catch (error) {
      const said = fabric.running.map(({ stderr }) => stderr).join('');
      await fabric.stop();
      throw new Error(`the fabric did not start:\n${said}`, { cause: error });
    }
  }

  get url(): string {
    return `http://127.0.0.1:${SCRAPER_PORT}`;
  }

  get spines(): readonly Spine[] {
    return this.network.spines;
  }

  /** A browser in A, where the page is. */
  browse(): Promise<Browser> {
    return launchInside(this.network, 'A');
  }

  async stop(): Promise<void> {
    await Promise.all(this.running.map((process) => process.stop().catch(() => undefined)));
    await this.network.destroy();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** A has one address of its own; neighbours are entered by hand, as the lab does. */
  private async addAddresses(): Promise<void> {
    const mac = (await this.network.exec('A', 'cat', ['/sys/class/net/eth0/address'])).trim();
    for (const { address } of MESH.filter(({ at }) => at === 'A').slice(1)) {
      await this.network.exec('A', 'ip', ['address', 'add', `${address}/24`, 'dev', 'eth0']);
      await this.network.exec('leafA', 'ip', [
        'neighbour',
        'replace',
        address,
        'lladdr',
        mac,
        'dev',
        'host',
        'nud',
        'permanent',
      ]);
    }
  }

  private async startAll(): Promise<void> {
    for (const at of ['A', 'B'] as const) this.run(at, ['reflector', '--listen', `0.0.0.0:${PORT}`]);
    const urls: string[] = [];
    for (const [i, one] of MESH.entries()) {
      // The scraper is in A, and asks B's collectors through the fabric.
      const listen = `${one.at === 'A' ? '127.0.0.1' : one.address}:${FIRST_API_PORT + i}`;
      urls.push(`http://${listen}`);
      const file = await this.write(`${one.name}.json`, this.config(one, i));
      const collector = this.run(one.at, ['collector', '--config', file, '--listen', listen]);
      // One after the other: eight at once take each other's time on a small machine.
      await collector.until(`${one.name} measures`, () => collector.stderr.includes('"measuring"'), START_MS);
    }
    const config = {
      scraper: { listen: `127.0.0.1:${SCRAPER_PORT}` },
      stateDir: this.directory,
      collectors: urls,
      writers: [{ kind: 'file', dir: join(this.directory, 'written') }],
    };
    this.run('A', ['scraper', '--config', await this.write('scraper.json', config)]);
    const http = new HttpClient(this.network.at('A'));
    try {
      const ready = async (): Promise<boolean> => {
        const { collectors } = await http.json<{ collectors: { state: string }[] }>('GET', `${this.url}/v1/status`);
        return collectors.length === MESH.length && collectors.every(({ state }) => state === 'up');
      };
      await this.running[0].until('every collector is scraped', ready, START_MS);
    } finally {
      await http.close();
    }
  }

  private config(from: Host, place: number): object {
    const targets = MESH.filter(({ address }) => address !== from.address).map(({ address, rack, region }) => ({
      address,
      tags: { dst_rack: rack, dst_region: region, src_rack: from.rack, src_region: from.region },
    }));
    return {
      collector: { name: from.name, interval: '5s', workers: 1 },
      source: { address: from.address, ports: 16, basePort: 40_000 + place * 100 },
      groups: {
        mesh: { protocol: 'stamp', port: PORT, period: '500ms', timeout: '1500ms', classes: ['cs0', 'ef'], targets },
      },
    };
  }

  /** JSON is YAML. */
  private async write(name: string, config: object): Promise<string> {
    const file = join(this.directory, name);
    await writeFile(file, JSON.stringify(config));
    return file;
  }

  private run(at: HostName, args: readonly string[]): Running {
    const running = startLlama([...args], this.network.at(at));
    this.running.push(running);
    return running;
  }
}
