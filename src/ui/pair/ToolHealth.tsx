/** Whether these numbers are about the network or about the tool. */

import { formatCount } from '../lib/format.js';
import { isScraper, type ResultRow, type Status } from '../lib/types.js';

export function ToolHealth({ status, rows }: { status: Status | undefined; rows: readonly ResultRow[] }) {
  const sendErrors = rows.reduce((all, row) => all + (row.sendErrors ?? 0), 0);
  const localDrops = rows.reduce((all, row) => all + (row.localDrops ?? 0), 0);
  const warnings = status === undefined ? [] : status.warnings;
  // A scraper's warnings are of its writers and collectors, and not of what a pair's numbers are made from.
  const scrapes = status !== undefined && isScraper(status);
  const fine = sendErrors === 0 && localDrops === 0 && (scrapes || warnings.length === 0);
  return (
    <section class={`panel tool ${fine ? '' : 'troubled'}`} aria-label="The tool itself">
      <h2>The tool itself</h2>
      <p>
        {fine
          ? scrapes
            ? 'No trouble that a scraper can see.'
            : 'No trouble of its own: what is shown above is the network.'
          : 'Read the numbers above with care:'}{' '}
        In the last five minutes this pair had {formatCount(sendErrors)} send errors and {formatCount(localDrops)} local
        drops, none of which count as loss.
      </p>
      <ul>
        {warnings.map((warning) => (
          <li key={warning}>{warning}</li>
        ))}
      </ul>
      {scrapes && <p class="quiet">The collectors' own counters are on their own pages.</p>}
    </section>
  );
}
