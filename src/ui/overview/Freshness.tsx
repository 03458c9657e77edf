/** How old what each collector says is: freshest and stalest. */

import { formatAge } from '../lib/format.js';
import { isScraper, type Status } from '../lib/types.js';
import type { Row } from './data.js';

interface Line {
  readonly name: string;
  readonly ageMs: number | undefined;
  readonly state: string;
  readonly fine: boolean;
}

const MOST = 6;

function linesOf(status: Status | undefined, rows: readonly Row[]): Line[] {
  if (status !== undefined && isScraper(status))
    return status.collectors.map(({ name, url, state, lastEnd }) => ({
      name: name ?? url,
      ageMs: lastEnd === null ? undefined : Date.now() - Date.parse(lastEnd),
      state,
      fine: state === 'up',
    }));
  const ages = new Map<string, { ageMs: number; stale: boolean }>();
  for (const { collector, ageMs, stale } of rows) {
    const known = ages.get(collector);
    if (known === undefined || ageMs < known.ageMs) ages.set(collector, { ageMs, stale });
  }
  return [...ages].map(([name, { ageMs, stale }]) => ({ name, ageMs, state: stale ? 'stale' : 'up', fine: !stale }));
}

export function Freshness({ status, rows }: { status: Status | undefined; rows: readonly Row[] }) {
  const lines = linesOf(status, rows).sort(
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
                <td>{ageMs === undefined ? 'never' : `newest ${formatAge(ageMs)} ago`}</td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </section>
  );
}
