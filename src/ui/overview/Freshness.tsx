/** The age of each collector's data: freshest and stalest. */

import { formatAge } from '../lib/format.js';
import { isScraper, type Status } from '../lib/types.js';
import type { Summary } from '../worker/summary.js';

interface Line {
  readonly name: string;
  readonly ageMs: number | undefined;
  readonly state: string;
  readonly fine: boolean;
}

const MOST = 6;

/** A scraper also knows collectors without any data; of the past it knows only their measurements. */
function linesOf(status: Status | undefined, summary: Summary | undefined, past: boolean): Line[] {
  const ages = new Map(summary?.collectors.map(({ collector, ageMs }) => [collector, ageMs]));
  if (!past && status !== undefined && isScraper(status))
    return status.collectors.map(({ name, url, state, lastEnd }) => ({
      name: name ?? url,
      // By the clock of the service where it is known: that of this browser may be wrong.
      ageMs: ages.get(name ?? '') ?? (lastEnd === null ? undefined : Date.now() - Date.parse(lastEnd)),
      state,
      fine: state === 'up',
    }));
  return (summary?.collectors ?? []).map(({ collector, ageMs, stale }) => ({
    ...{ name: collector, ageMs, fine: !stale },
    state: stale ? 'stale' : past ? 'was up' : 'up',
  }));
}

interface FreshnessProps {
  readonly status: Status | undefined;
  readonly summary: Summary | undefined;
  readonly past: boolean;
}

export function Freshness({ status, summary, past }: FreshnessProps) {
  const lines = linesOf(status, summary, past).sort(
    (a, b) => (b.ageMs ?? Number.POSITIVE_INFINITY) - (a.ageMs ?? Number.POSITIVE_INFINITY),
  );
  const freshest = lines.at(-1);
  const stalest = lines.slice(0, MOST);
  return (
    <section class="panel" aria-label="Collectors">
      <h2>
        Collectors <small class="quiet">stalest first, {lines.length} in all</small>
      </h2>
      <table>
        <tbody>
          {[...stalest, ...(freshest === undefined || lines.length <= MOST ? [] : [freshest])].map(
            ({ name, ageMs, state, fine }) => (
              <tr key={name}>
                <td>
                  <span class={`dot ${fine ? 'level0' : 'stale'}`} /> {name}
                </td>
                <td>{state}</td>
                <td>
                  {ageMs === undefined ? 'never' : `newest ${formatAge(ageMs)} ${past ? 'before the end' : 'ago'}`}
                </td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </section>
  );
}
