import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { ClockSync, clockSyncWarnings } from '../../../src/net/clockSync.js';
import { libc } from '../../../src/net/libc.js';

describe('ClockSync', () => {
  it('agrees with another reading of adjtimex', function () {
    // Python's ctypes: struct timex begins with modes; the state is the result, the status is at 40, the maximum error at 24.
    const script =
      'import ctypes,struct; b=ctypes.create_string_buffer(208); r=ctypes.CDLL(None).adjtimex(b); ' +
      'print(r, struct.unpack_from("i",b,40)[0], struct.unpack_from("q",b,24)[0])';
    const { status, stdout } = spawnSync('python3', ['-c', script], { encoding: 'utf8' });
    if (status !== 0) return this.skip();
    const [state, bits, maxErrorUs] = stdout.trim().split(' ').map(Number);
    const sync = new ClockSync();
    sync.read();
    expect(sync.synchronised).to.equal(state !== 5 && (bits & 0x40) === 0);
    // The kernel lets it grow by 500 ppm.
    expect(sync.maxErrorUs).to.be.within(maxErrorUs, maxErrorUs + 10_000);
    expect(clockSyncWarnings(sync, 'nothing')).to.deep.equal([]);
  });

  it('is unknown where the call is refused, and warns of the consequence', () => {
    const sync = new ClockSync(() => libc.close(-1));
    sync.read();
    expect(sync.synchronised).to.equal(false);
    expect(clockSyncWarnings(sync, 'delays are relative')).to.have.length(1);
    expect(clockSyncWarnings(sync, 'delays are relative')[0]).to.match(
      /^adjtimex is refused \(EBADF\): .*so delays are relative; .*ProtectClock=no/,
    );
  });
});
