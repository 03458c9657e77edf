/**
 * tcpdump on a host of the lab: a witness of what was on the wire and when, independent of the product.
 *
 * A capture that lost a packet proves nothing, so `stop` makes sure that all was written and throws if the kernel
 * dropped any.
 */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../support/harness/wait.js';
import { HOST_INTERFACE, type HostName, type Network } from './network.js';
import { readPcap, type StampPackets } from './pcap.js';

/** Ethernet 14, IPv6 40, UDP 8, STAMP 44, and some room. */
const SNAP_BYTES = 128;
const BUFFER_KIB = 65_536;
const START_MS = 5_000;
const STOP_MS = 10_000;
const ASK_AGAIN_MS = 100;

/** What tcpdump says when it is asked (SIGUSR1) and when it ends, in one line or in three. */
const STATISTICS =
  /(\d+) packets? captured,?\s+(\d+) packets? received by filter,?\s+(\d+) packets? dropped by kernel/g;

export interface CaptureOptions {
  readonly device?: string;
  /** A filter as in pcap-filter(7). */
  readonly filter?: string;
}

interface Statistics {
  readonly captured: number;
  readonly received: number;
  readonly dropped: number;
}

export class Capture {
  readonly file: string;
  private readonly directory: string;
  private readonly child: ChildProcess;
  private stderr = '';

  private constructor(directory: string, file: string, child: ChildProcess) {
    this.directory = directory;
    this.file = file;
    this.child = child;
    child.stderr?.on('data', (text: Buffer) => {
      this.stderr += text.toString();
    });
  }

  /** When it resolves, tcpdump is listening: packets from now on are in the file. */
  static async start(network: Network, host: HostName, options: CaptureOptions = {}): Promise<Capture> {
    const directory = await mkdtemp(join(tmpdir(), 'llama-capture-'));
    const file = join(directory, 'capture.pcap');
    const args = ['-i', options.device ?? HOST_INTERFACE, '-n', '-U', '-w', file, '-s', String(SNAP_BYTES)];
    // -Z root: the directory is ours, and tcpdump would change to a user of its own.
    args.push('-B', String(BUFFER_KIB), '--time-stamp-precision=nano', '-Z', 'root', options.filter ?? 'udp');
    const child = network.spawn(host, 'tcpdump', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const capture = new Capture(directory, file, child);
    await waitFor(`tcpdump listens on ${host}`, () => capture.stderr.includes('listening on'), START_MS);
    return capture;
  }

  /**
   * Waits until all that the filter let through up to now is in the file (the kernel hands packets over in blocks, up
   * to a second late), ends tcpdump, and resolves with the packets. Throws when the kernel dropped any.
   */
  async stop(senderAddress: string): Promise<StampPackets> {
    const atStop = (await this.ask()).received;
    await waitFor(
      `tcpdump wrote ${atStop} packets`,
      async () => (await this.ask()).captured >= atStop,
      STOP_MS,
      ASK_AGAIN_MS,
    );
    const gone = once(this.child, 'close');
    this.child.kill('SIGINT');
    await gone;
    const statistics = this.statistics().at(-1);
    if (statistics === undefined) throw new Error(`tcpdump ended without statistics: ${this.stderr}`);
    if (statistics.dropped > 0) throw new Error(`tcpdump: the kernel dropped ${statistics.dropped} packets`);
    return readPcap(await readFile(this.file), senderAddress);
  }

  /** Removes the file; ends tcpdump when it still runs. */
  async dispose(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, 'close');
      this.child.kill('SIGKILL');
      await gone;
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  private async ask(): Promise<Statistics> {
    const before = this.statistics().length;
    this.child.kill('SIGUSR1');
    return waitFor('tcpdump tells its counters', () => this.statistics().slice(before).at(-1), STOP_MS);
  }

  private statistics(): Statistics[] {
    return [...this.stderr.matchAll(STATISTICS)].map(([, captured, received, dropped]) => ({
      captured: Number(captured),
      received: Number(received),
      dropped: Number(dropped),
    }));
  }
}
