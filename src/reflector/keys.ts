/**
 * The HMAC keys of a reflector, in shared memory. All threads get new keys at once, and a restarted thread gets the
 * current ones. The main thread writes, the reflector threads read, and neither waits.
 *
 * | offset | type | field |
 * | ---: | --- | --- |
 * | 0 | i32 | version |
 * | 4 | 2 x slot | keys of even versions, keys of odd ones |
 *
 * Slot: number of keys u32, then `MAX_KEYS` times its length u32 and `MAX_KEY_BYTES` bytes.
 *
 * The writer fills the inactive slot and then raises the version. A reader that finds the same version before and after
 * copying has a consistent slot: the writer changes that slot again only after raising the version.
 */

import { MAX_KEY_BYTES, MAX_KEYS } from '../wire/hmac.js';

const VERSION = 0;
const SLOTS_AT = 4;
const KEY_STRIDE = 4 + MAX_KEY_BYTES;
const SLOT_BYTES = 4 + MAX_KEYS * KEY_STRIDE;

export class SharedKeys {
  readonly memory: SharedArrayBuffer;
  private readonly header: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  /** Without `memory`: allocated, without keys. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SLOTS_AT + 2 * SLOT_BYTES)) {
    this.memory = memory;
    this.header = new Int32Array(memory, 0, 1);
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
  }

  /** Raised by every `write`. */
  get version(): number {
    return Atomics.load(this.header, VERSION);
  }

  /** Accepts at most `MAX_KEYS` keys of 1 to `MAX_KEY_BYTES` bytes. One writer only. */
  write(keys: readonly Uint8Array[]): void {
    if (keys.length > MAX_KEYS || keys.some(({ length }) => length > MAX_KEY_BYTES))
      throw new RangeError('too many keys');
    const version = this.version + 1;
    const slot = SLOTS_AT + (version & 1) * SLOT_BYTES;
    this.view.setUint32(slot, keys.length);
    for (const [i, key] of keys.entries()) {
      const at = slot + 4 + i * KEY_STRIDE;
      this.view.setUint32(at, key.length);
      this.bytes.set(key, at + 4);
    }
    Atomics.store(this.header, VERSION, version);
  }

  /** A copy of the current keys, and their version. */
  read(): { readonly version: number; readonly keys: readonly Uint8Array[] } {
    for (;;) {
      const { version } = this;
      const slot = SLOTS_AT + (version & 1) * SLOT_BYTES;
      const count = Math.min(MAX_KEYS, this.view.getUint32(slot));
      const keys = Array.from({ length: count }, (_, i) => {
        const at = slot + 4 + i * KEY_STRIDE;
        return this.bytes.slice(at + 4, at + 4 + Math.min(MAX_KEY_BYTES, this.view.getUint32(at)));
      });
      if (version === this.version) return { version, keys };
    }
  }
}
