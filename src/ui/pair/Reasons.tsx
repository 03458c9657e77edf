/** Why probes of the last minutes have no answer: refused by this host, answered by an ICMP error, or too big. */

import type { ResultRow } from '../lib/types.js';
import { reasonLines } from './reasonLines.js';

export function Reasons({ rows, past }: { rows: readonly ResultRow[]; past: boolean }) {
  const lines = reasonLines(rows);
  if (lines.length === 0) return null;
  return (
    <section class="panel" aria-label="Why there is no answer">
      <h2>
        Why there is no answer{' '}
        <small class="quiet">{past ? 'the last five minutes of this time' : 'last five minutes'}</small>
      </h2>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </section>
  );
}
