/** Raw TCP and ICMP against this machine's own TCP and ICMP, on loopback. */

import { expect } from 'chai';
import { hasNetRaw, inPingRange, privilegeError } from '../../../src/net/privilege.js';

describe('privileges', () => {
  it('are read from the status of a process', () => {
    expect(hasNetRaw('Name:\tnode\nCapEff:\t0000000000002000\n')).to.equal(true);
    expect(hasNetRaw('CapEff:\t000001ffffffdfff\n')).to.equal(false);
    expect(hasNetRaw('')).to.equal(false);
  });

  it('are unnecessary for groups in the range of ping_group_range', () => {
    expect(inPingRange('0\t2147483647\n', [1000])).to.equal(true);
    expect(inPingRange('1\t0\n', [0, 1])).to.equal(false);
  });

  it('are named in the error, with both ways to grant them', () => {
    const { message, code } = privilegeError('tcp-syn');
    expect(code).to.equal('LLAMA_PRIVILEGE');
    expect(message).to.include('CAP_NET_RAW').and.include('AmbientCapabilities=CAP_NET_RAW');
    expect(message).to.include(`setcap cap_net_raw+ep ${process.execPath}`).and.not.include('ping_group_range');
    expect(privilegeError('icmp').message).to.include('sysctl -w net.ipv4.ping_group_range');
  });
});
