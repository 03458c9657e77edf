/** Memory shared with native code: a buffer with a fixed address, and views of it in every width. */

import koffi from 'koffi';

export class NativeMemory {
  readonly bytes: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly view: DataView;
  /** Address of the first byte. */
  readonly address: number;

  constructor(length: number) {
    const buffer = new ArrayBuffer((length + 7) & ~7);
    this.bytes = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.view = new DataView(buffer);
    this.address = Number(koffi.address(this.bytes));
  }

  /** Writes the address of byte `target` of `memory` as a 64-bit pointer at byte `at`. */
  writePointer(at: number, memory: NativeMemory, target: number): void {
    const address = memory.address + target;
    this.u32[at >> 2] = address >>> 0;
    this.u32[(at >> 2) + 1] = Math.floor(address / 0x1_0000_0000);
  }
}
