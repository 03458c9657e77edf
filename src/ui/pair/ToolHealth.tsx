/** Whether these numbers are about the network or about the tool. */

import { formatCount } from '../lib/format.js';
import { isScraper, type ResultRow, type Status } from '../lib/types.js';

interface ToolHealthProps {
  readonly status: Status | undefined;
  readonly rows: readonly ResultRow[];
  readonly past: boolean;
}

export function ToolHealth({ status, rows, past }: ToolHealthProps) {
  const sendErrors = rows.reduce((all, row) => all + (row.sendErrors ?? 0), 0);
  const localDrops = rows.reduce((all, row) => all + (row.localDrops ?? 0), 0);
  // Warnings are of now, and say nothing of then.
  const warnings = status === undefined || past ? [] : status.warnings;
  // A scraper's warnings are of its writers and collectors, and not of what a pair's numbers are made from.
  const scrapes = status !== undefined && isScraper(status);
  const fine = sendErrors === 0 && localDrops === 0 && (scrapes || warnings.length === 0);
  return (
    <section class={`panel tool ${fine ? '' : 'troubled'}`} aria-label="The tool itself">
      <h2>The tool itself</h2>
      <p>
        {fine
          ? rows.length === 0
            ? ''
            : scrapes
              ? 'No trouble that a scraper can see.'
              : 'No trouble of its own: what is shown above is the network.'
          : 'Read the numbers above with care:'}{' '}
        {rows.length === 0
          ? 'Send errors and local drops of this pair are not known of these minutes.'
          : `In the last five minutes${past ? ' of this stretch' : ''} this pair had ${formatCount(sendErrors)} send errors and ${formatCount(localDrops)} local drops, none of which count as loss.`}
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
