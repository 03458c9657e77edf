/** What a line of the table of counters says: who reads a counter, and when. Types only. */

/** A counter that grew within the last two intervals, in words: "NAME: N [of M] TEXT[, for example …], since TIME[ or up to N s before][; ADVICE]". */
export interface CounterWarning<Name extends string = string> {
  /** What the number counts, and what happened to it. */
  readonly text: string;
  /** What that means for the results, or what to do. */
  readonly advice?: string;
  /** Said only when the growth is above this share of the growth of other counters. Without it any growth is said. */
  readonly above?: Share<Name>;
  /** Writes the number, where it is no plain count. `n`: growth of the counter, `of`: growth of the counters in `above`. */
  readonly figure?: (n: number, of: number) => string;
}

export interface Share<Name extends string> {
  readonly share: number;
  /** Growth up to this is not said either. */
  readonly few?: number;
  readonly of: readonly Name[];
}

/** Who reads a counter: at least one of these. */
export interface CounterReader<Name extends string = string> {
  /** Shown in `warnings` of `/v1/status`. */
  readonly warning?: CounterWarning<Name>;
  /** Alerts of `config/prometheus` that look at its metric. */
  readonly alerts?: readonly string[];
  /** What else tells of it: a warning about the state behind it, or a field that a person reads. */
  readonly shown?: string;
  /** Why it needs no reader. */
  readonly harmless?: string;
}

export type CounterReaders<Name extends string> = { readonly [Key in Name]: CounterReader<Name> };
