/** Whether these numbers are about the network or about the tool. */

import { formatCount } from '../lib/format.js';
import { isScraper, type ResultRow, type Status } from '../lib/types.js';
import { concerning } from './concerns.js';

interface ToolHealthProps {
  readonly status: Status | undefined;
  readonly rows: readonly ResultRow[];
  readonly past: boolean;
  /** For a scraper: the collectors that measured these numbers. */
  readonly collectors: readonly string[];
  /** The groups of the pair; empty: unknown. */
  readonly groups: readonly string[];
}

export function ToolHealth({ status, rows, past, collectors, groups }: ToolHealthProps) {
  const sendErrors = rows.reduce((all, row) => all + (row.sendErrors ?? 0), 0);
  const localDrops = rows.reduce((all, row) => all + (row.localDrops ?? 0), 0);
  // Warnings are current, and say nothing about the past.
  const warnings =
    status === undefined || past ? [] : warningsOf(status, collectors, (own) => concerning(own, rows, groups));
  const silent =
    status !== undefined && isScraper(status)
      ? status.collectors.flatMap(({ name, troubles }) =>
          name !== null && troubles === null && collectors.includes(name) ? [name] : [],
        )
      : [];
  const fine = sendErrors === 0 && localDrops === 0 && warnings.length === 0;
  return (
    <section class={`panel tool ${fine ? '' : 'troubled'}`} aria-label="The tool itself">
      <h2>The tool itself</h2>
      <p>
        {fine
          ? rows.length === 0
            ? ''
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
      {silent.length > 0 && <p class="quiet">{silent.join(', ')} does not tell how it is.</p>}
    </section>
  );
}

/**
 * A scraper's own warnings are about its writers, not about the source of a pair's numbers: for these, the troubles of
 * its collectors count.
 */
function warningsOf(
  status: Status,
  collectors: readonly string[],
  ofPair: (warnings: readonly string[]) => readonly string[],
): readonly string[] {
  if (!isScraper(status)) return ofPair(status.warnings);
  return status.collectors.flatMap(({ name, troubles }) => {
    if (name === null || !collectors.includes(name)) return [];
    return ofPair(troubles ?? []).map((text) => `${name}: ${text}`);
  });
}
