import { expect } from 'chai';
import {
  isLegacyProbe,
  LLAMA_LEGACY_BYTES,
  legacySent,
  legacySentMs,
  legacyTos,
  writeLegacyFrame,
  writeLegacyRequest,
} from '../../../src/wire/dropboxLegacy.js';
import { seededRandom } from '../../support/harness/random.js';

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

describe('probes of LLAMA in Python', () => {
  it('have the octets that its struct format "<10sBddd?" packs', () => {
    const bytes = new Uint8Array(LLAMA_LEGACY_BYTES);
    writeLegacyFrame(viewOf(bytes), 0);
    writeLegacyRequest(viewOf(bytes), 0, 184, legacySentMs(1_763_700_010, 500_000_000));
    // struct.pack('<10sBddd?', b'__llama__', 184, 1763700010500.0, 0.0, 0.0, False).hex()
    const packed = '5f5f6c6c616d615f5f00b80040e0664baa79420000000000000000000000000000000000';
    expect(Buffer.from(bytes).toString('hex')).to.equal(packed);
  });

  it('return TOS and time, with a resolution of 1/4096 ms', () => {
    const bytes = new Uint8Array(LLAMA_LEGACY_BYTES);
    const view = viewOf(bytes);
    writeLegacyFrame(view, 0);
    const { next: random } = seededRandom(1);
    for (let i = 0; i < 10_000; i++) {
      const ns = Math.floor(random() * 999_000_000);
      const sentMs = legacySentMs(1_763_700_010, ns);
      writeLegacyRequest(view, 0, i % 256, sentMs);
      expect(isLegacyProbe(view, 0, bytes.length)).to.equal(true);
      expect(legacyTos(view, 0)).to.equal(i % 256);
      expect(legacySent(view, 0)).to.equal(sentMs);
      expect(legacySentMs(1_763_700_010, ns + 245)).to.not.equal(sentMs);
      expect(Math.abs((sentMs - 1_763_700_010_000) * 1e6 - ns)).to.be.at.most(123);
    }
  });

  it('are recognised by length and signature only; cuts and mutations are refused', () => {
    const whole = new Uint8Array(LLAMA_LEGACY_BYTES);
    writeLegacyFrame(viewOf(whole), 0);
    const { next: random } = seededRandom(2);
    for (let i = 0; i < 1_000_000; i++) {
      const bytes = whole.slice();
      const at = Math.floor(random() * bytes.length);
      const value = Math.floor(random() * 256);
      const same = at >= 10 || bytes[at] === value;
      bytes[at] = value;
      const length = i % 2 === 0 ? bytes.length : Math.floor(random() * bytes.length);
      const known = isLegacyProbe(new DataView(bytes.buffer, 0, length), 0, length);
      if (known !== (same && length === bytes.length)) expect.fail(`${at} ${value} ${length}`);
    }
  });
});
