/** Tells loss on some paths from equal loss on all of them. */

/** Greatest probability by which chance may explain the ports without loss. */
const MOST_CHANCE = 1e-3;

/**
 * Whether only some of the paths lose probes. Under the pooled loss of all, a path with few probes has no loss by
 * chance. The number of such paths is taken as binomial, with the mean of their probabilities.
 */
export function isPartialLoss(paths: readonly { readonly sent: number; readonly failed: number }[]): boolean {
  const measured = paths.filter(({ sent }) => sent > 0);
  const sent = measured.reduce((sum, path) => sum + path.sent, 0);
  const pass = 1 - measured.reduce((sum, path) => sum + path.failed, 0) / sent;
  const count = measured.length;
  const clean = measured.filter(({ failed }) => failed === 0).length;
  if (clean === 0 || clean === count) return false;
  const chance = measured.reduce((sum, path) => sum + pass ** path.sent, 0) / count;
  // The upper tail of the binomial distribution, from `clean` on.
  let tail = 0;
  let term = (1 - chance) ** count;
  for (let k = 0; k <= count; k++) {
    if (k >= clean) tail += term;
    term *= ((count - k) / (k + 1)) * (chance / (1 - chance));
  }
  return tail < MOST_CHANCE;
}
