/** Single probes from fresh ports: how many at a time, and what stays open. */

import { expect } from 'chai';
import type { StreamInfo } from '../../../../src/collector/results/results.js';
import { FreshProber, MOST_FRESH } from '../../../../src/collector/sourcePorts/freshProber.js';
import { SourcePorts } from '../../../../src/collector/sourcePorts/sourcePorts.js';
import { timeBaseNow } from '../../../../src/net/clock.js';
import { UdpPeer } from '../../../support/fakes/udpPeer.js';
import { liveConfig, makeGroup, openDescriptors } from '../../../support/harness/live.js';

const TIMEOUT = '200ms';

describe('FreshProber', () => {
  let hole: UdpPeer;
  let sources: SourcePorts;
  let prober: FreshProber;

  beforeEach(async () => {
    hole = await UdpPeer.open();
    sources = new SourcePorts({ source: liveConfig().source, timestamps: 'full', threads: 1 });
    prober = new FreshProber(sources, timeBaseNow());
  });
  afterEach(async () => {
    prober.close();
    sources.close();
    await hole.close();
  });

  function info(): StreamInfo {
    const group = makeGroup('west', { period: TIMEOUT, timeout: TIMEOUT, port: hole.port, targets: ['127.0.0.1'] });
    return { id: 7, group, target: group.targets[0], class: group.classes[0], source: '127.0.0.1' };
  }

  it('has four probes under way at most, each from a port of its own, and closes them', async () => {
    const before = openDescriptors();
    const asked = Array.from({ length: MOST_FRESH }, () => prober.ask(info()));
    expect(prober.free).to.equal(0);
    const refused = await prober.ask(info()).catch((error: Error) => error.message);
    expect(refused).to.equal(`${MOST_FRESH} fresh probes are under way already`);
    expect(await Promise.all(asked)).to.deep.equal(asked.map(() => false));
    expect(prober.free).to.equal(MOST_FRESH);
    expect(openDescriptors()).to.equal(before);
    const ports = new Set(hole.received.map(({ from }) => from.port));
    expect(hole.received).to.have.length(MOST_FRESH);
    expect(ports.size).to.equal(MOST_FRESH);
  });
});
