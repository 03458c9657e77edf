/** Defaults of Dropbox's LLAMA. */

export const LEGACY_DEFAULTS = {
  intervalS: 30,
  bind: '0.0.0.0:5000',
  /** Source ports of a port group. */
  count: 4,
  /** Cycles per second: probes to each target from each source port. */
  cps: 4,
  tos: 0,
  timeoutMs: 1000,
  /** Of the Go version; the Python version's reflectors listen on 60000. */
  targetPort: 8100,
} as const;
