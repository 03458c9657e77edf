import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { ClockSync } from '../../src/net/clockSync.js';

describe('Whether the clock is kept', () => {
  it('is what adjtimex says by another way in', function () {
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
  });
});
