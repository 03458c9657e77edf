/**
 * The RTT of every single probe, held against a capture on the same interface: on a quiet machine, and on one whose
 * cores are all taken.
 *
 * The kernel stamps a received packet once, for tcpdump and the socket alike. A packet that is sent is stamped for
 * tcpdump just before it is handed to the driver, which makes the socket's stamp: so ours are later by what lies in
 * between, and the RTT is shorter by that.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { needs } from '../../support/harness/needs.js';
import type { Running } from '../../support/processes/process.js';
import { Capture } from '../capture.js';
import { end } from '../namespaces.js';
import { A_ADDRESS, B_ADDRESSES, backlogDrops, Network } from '../network.js';
import { type Recording, recordProbes } from '../tools.js';
import { type Comparison, compareWithCapture } from '../witness.js';
import { REFLECTOR_PORT, startReflector } from './lab.js';

const PROBES_PER_SECOND = 10_000;
/** Share of the schedule that must have been sent; what is skipped is counted by the product, too. */
const LEAST_SENT = 0.9;
const TARGETS = B_ADDRESSES.slice(0, 4);
const COUNTED_NONE = [
  'lost',
  'late',
  'duplicates',
  'unreachable',
  'localDrops',
  'sendErrors',
  'ringOverflows',
  'sendStampsMissing',
  'voidedRtts',
];

interface Limits {
  readonly medianUs: number;
  readonly p99Us?: number;
}

export function rttSuite({ seconds }: { readonly seconds: number }): void {
  describe(`RTT against tcpdump: ${PROBES_PER_SECOND} probes/s for ${seconds} s`, function () {
    this.timeout((seconds * 2 + 30) * 1000);
    let network: Network;
    let reflector: Running;
    let directory: string;

    before(async function () {
      needs(this, 'root', 'ip', 'nft', 'tcpdump');
      network = await Network.create();
      reflector = await startReflector(network);
      directory = await mkdtemp(join(tmpdir(), 'llama-rtt-'));
    });
    after(async () => {
      await reflector?.stop();
      await network?.destroy();
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    });

    async function measure(): Promise<Comparison> {
      const drops = await backlogDrops();
      const capture = await Capture.start(network, 'A', { filter: `udp port ${REFLECTOR_PORT}` });
      try {
        const recording = await recordProbes(network, {
          seconds,
          file: join(directory, 'probes'),
          port: REFLECTOR_PORT,
          targets: TARGETS,
        });
        const comparison = compareWithCapture(await capture.stop(A_ADDRESS), recording);
        expect((await backlogDrops()) - drops, 'packets dropped by the machine').to.equal(0);
        expectCounts(recording, comparison);
        return comparison;
      } finally {
        await capture.dispose();
      }
    }

    function expectCounts({ count, totals }: Recording, comparison: Comparison): void {
      for (const column of COUNTED_NONE) expect(totals[column], column).to.equal(0);
      expect(totals.received).to.equal(totals.sent);
      expect(count, 'round trips recorded').to.equal(totals.received);
      expect(comparison.unmatched, 'probes that the capture does not hold').to.equal(0);
      expect(count, 'probes of the schedule').to.be.above(PROBES_PER_SECOND * seconds * LEAST_SENT);
    }

    async function expectExact({ medianUs, p99Us = Number.POSITIVE_INFINITY }: Limits): Promise<void> {
      const comparison = await measure();
      const text = describeErrors(comparison);
      console.log(`      ${text}`);
      expect(comparison.medianNs, text).to.be.at.most(medianUs * 1000);
      expect(comparison.p99Ns, text).to.be.at.most(p99Us * 1000);
    }

    it('on a quiet machine the median error is at most 3 us, its p99 at most 15 us', () =>
      expectExact({ medianUs: 3, p99Us: 15 }));

    it('with every core busy the median error is at most 5 us', async () => {
      const busy: ChildProcess[] = [];
      try {
        for (let i = 0; i < availableParallelism(); i++)
          busy.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
        await expectExact({ medianUs: 5 });
      } finally {
        await Promise.all(busy.map((child) => end(child)));
      }
    });
  });
}

function describeErrors({ errorsNs, medianNs, p99Ns, maxNs, biasNs }: Comparison): string {
  const us = (ns: number): string => (ns / 1000).toFixed(3);
  return `${errorsNs.length} RTTs, error in us: median ${us(medianNs)}, p99 ${us(p99Ns)}, max ${us(maxNs)}, bias ${us(biasNs)}`;
}
