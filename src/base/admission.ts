/**
 * Admits work up to a capacity, in bytes or in items, first come, first served. Work larger than the whole capacity is
 * admitted alone. The owner of admitted work must not wait for another admission.
 */

interface Waiting {
  readonly amount: number;
  readonly admit: () => void;
}

export class Admission {
  readonly capacity: number;
  private inUse = 0;
  private readonly waiting: Waiting[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** May exceed the capacity when admitted work needs more than it requested. */
  get used(): number {
    return this.inUse;
  }

  /**
   * Resolves with the admitted amount, at most the capacity; return it with `change`. Rejects with the signal's reason
   * when it is aborted before.
   */
  async enter(amount: number, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    const wanted = Math.min(amount, this.capacity);
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.waiting.splice(this.waiting.indexOf(one), 1);
        this.admitNext();
        reject(signal.reason);
      };
      const one: Waiting = {
        amount: wanted,
        admit: () => {
          signal.removeEventListener('abort', giveUp);
          resolve(wanted);
        },
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.waiting.push(one);
      this.admitNext();
    });
  }

  /** Admitted work takes `more`, or returns it when negative. */
  change(more: number): void {
    this.inUse += more;
    this.admitNext();
  }

  private admitNext(): void {
    for (let [first] = this.waiting; first !== undefined; [first] = this.waiting) {
      if (this.inUse > 0 && this.inUse + first.amount > this.capacity) return;
      this.waiting.shift();
      this.inUse += first.amount;
      first.admit();
    }
  }
}
