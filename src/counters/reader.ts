/** A line of the table of counters: its readers, and when they read it. Types only. */

/**
 * A warning for a counter that grew within the last two intervals: "NAME: N [of M] TEXT[, for example …], since TIME[
 * or up to N s before][; ADVICE]".
 */
export interface CounterWarning<Name extends string = string> {
  /** The counted things, and what happened to them. */
  readonly text: string;
  /** The consequence for the results, or the remedy. */
  readonly advice?: string;
  /** Warn only when the growth exceeds this share of the growth of other counters. Default: warn for any growth. */
  readonly above?: Share<Name>;
  /**
   * Formats the number, unless it is a plain count. `n`: growth of the counter, `of`: growth of the counters in
   * `above`.
   */
  readonly figure?: (n: number, of: number) => string;
}

interface Share<Name extends string> {
  readonly share: number;
  /** Growth up to this is ignored too. */
  readonly few?: number;
  readonly of: readonly Name[];
}

/** The readers of a counter: at least one of these. */
export interface CounterReader<Name extends string = string> {
  /** Shown in `warnings` of `/v1/status`. */
  readonly warning?: CounterWarning<Name>;
  /** Alerts of `config/prometheus` on its metric. */
  readonly alerts?: readonly string[];
  /** Another place that shows it: a warning about the underlying state, or a field for people. */
  readonly shown?: string;
  /** Why it needs no reader. */
  readonly harmless?: string;
}

export type CounterReaders<Name extends string> = { readonly [Key in Name]: CounterReader<Name> };
