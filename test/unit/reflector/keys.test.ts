import { expect } from 'chai';
import { SharedKeys } from '../../../src/reflector/keys.js';
import { MAX_KEY_BYTES, MAX_KEYS } from '../../../src/wire/hmac.js';

describe('SharedKeys', () => {
  it('reads the written keys from the shared memory, with their version', () => {
    const writer = new SharedKeys();
    const reader = new SharedKeys(writer.memory);
    expect(reader.read()).to.deep.equal({ version: 0, keys: [] });
    const many = Array.from({ length: MAX_KEYS }, (_, i) => new Uint8Array(MAX_KEY_BYTES).fill(i));
    for (const [i, keys] of [[Uint8Array.of(1, 2)], many, [Uint8Array.of(3)]].entries()) {
      writer.write(keys);
      expect(reader.version).to.equal(i + 1);
      expect(reader.read()).to.deep.equal({ version: i + 1, keys });
    }
  });

  it('refuses too many or too long keys, and keeps the current ones', () => {
    const keys = new SharedKeys();
    keys.write([Uint8Array.of(1)]);
    expect(() => keys.write(Array(MAX_KEYS + 1).fill(Uint8Array.of(2)))).to.throw(RangeError);
    expect(() => keys.write([new Uint8Array(MAX_KEY_BYTES + 1)])).to.throw(RangeError);
    expect(keys.read()).to.deep.equal({ version: 1, keys: [Uint8Array.of(1)] });
  });
});
