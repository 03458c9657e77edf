/** Values that many series share, each kept once under a small number while it is referenced. */

export class Interner<Value> {
  private readonly numbers = new Map<string, number>();
  private readonly keys: (string | undefined)[] = [];
  private readonly values: (Value | undefined)[] = [];
  private readonly references: number[] = [];
  private readonly free: number[] = [];

  /** How many values there are. */
  get size(): number {
    return this.numbers.size;
  }

  /** The number of a known value; undefined for an unknown one. Read-only. */
  numberOf(key: string): number | undefined {
    return this.numbers.get(key);
  }

  /** The number of `key`, with one more reference to it; `value` is kept when it is new. */
  acquire(key: string, value: Value): number {
    const known = this.numbers.get(key);
    if (known !== undefined) {
      this.references[known] += 1;
      return known;
    }
    const number = this.free.pop() ?? this.keys.length;
    this.numbers.set(key, number);
    this.keys[number] = key;
    this.values[number] = value;
    this.references[number] = 1;
    return number;
  }

  release(number: number): void {
    this.references[number] -= 1;
    if (this.references[number] > 0) return;
    const key = this.keys[number];
    if (key === undefined) throw new Error(`number ${number} was released more often than acquired`);
    this.numbers.delete(key);
    this.keys[number] = undefined;
    this.values[number] = undefined;
    this.free.push(number);
  }

  /** @throws Error when the number is not in use. */
  value(number: number): Value {
    if (this.keys[number] === undefined) throw new Error(`number ${number} is not in use`);
    return this.values[number] as Value;
  }
}
