/**
 * Columns that grow while a report is written. Copies of exact length can be transferred to another thread.
 *
 * Their memory is reused for the next report, and must never be passed out itself.
 */

const INITIAL_LENGTH = 1024;

/** Bytes: UTF-8 text, raw or from strings. */
export class ByteColumn {
  private bytes = Buffer.alloc(INITIAL_LENGTH);
  length = 0;

  /** Appends ASCII text. */
  ascii(text: string): void {
    this.reserve(text.length);
    this.length += this.bytes.write(text, this.length, 'latin1');
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** A copy of the content; empties the column. */
  take(): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(this.length);
    copy.set(this.bytes.subarray(0, this.length));
    this.length = 0;
    return copy;
  }

  private reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.alloc(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}

/** Unsigned 32-bit numbers. */
export class WordColumn {
  private words = new Uint32Array(INITIAL_LENGTH);
  length = 0;

  push(value: number): void {
    if (this.length === this.words.length) {
      const larger = new Uint32Array(this.words.length * 2);
      larger.set(this.words);
      this.words = larger;
    }
    this.words[this.length++] = value;
  }

  take(): Uint32Array<ArrayBuffer> {
    const copy = this.words.slice(0, this.length);
    this.length = 0;
    return copy;
  }
}

/** 64-bit floating-point numbers. */
export class DoubleColumn {
  private doubles = new Float64Array(INITIAL_LENGTH);
  length = 0;

  push(value: number): void {
    if (this.length === this.doubles.length) {
      const larger = new Float64Array(this.doubles.length * 2);
      larger.set(this.doubles);
      this.doubles = larger;
    }
    this.doubles[this.length++] = value;
  }

  take(): Float64Array<ArrayBuffer> {
    const copy = this.doubles.slice(0, this.length);
    this.length = 0;
    return copy;
  }
}

/** 32-bit floating-point numbers. */
export class FloatColumn {
  private floats = new Float32Array(INITIAL_LENGTH);
  length = 0;

  push(value: number): void {
    if (this.length === this.floats.length) {
      const larger = new Float32Array(this.floats.length * 2);
      larger.set(this.floats);
      this.floats = larger;
    }
    this.floats[this.length++] = value;
  }

  take(): Float32Array<ArrayBuffer> {
    const copy = this.floats.slice(0, this.length);
    this.length = 0;
    return copy;
  }
}
