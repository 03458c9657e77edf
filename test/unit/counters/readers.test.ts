/** The table of counters and their readers: complete, and true of every line. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import type { CounterReader } from '../../../src/counters/reader.js';
import { COUNTER_READERS } from '../../../src/counters/readers.js';
import { RecentWarnings } from '../../../src/counters/recentWarnings.js';
import { MatrixHistory } from '../../../src/history/history.js';
import { REFLECTOR_COUNTERS } from '../../../src/reflector/messages.js';
import { PROBER_COUNTERS } from '../../../src/ring/control.js';
import { AGGREGATOR_COUNTERS } from '../../../src/threads/messages.js';
import { FakeScraper } from '../../support/fakes/fakeScraper.js';

/** Numbers in a status that are no counters. */
const NO_COUNTERS = [
  'intervalMs',
  'lagIntervals',
  'clockAheadMs',
  'queued',
  'queuedRows',
  'spoolBytes',
  'spoolIntervals',
  'lastSuccessMs',
  'writeLagMs',
];

function countersIn(status: object): string[] {
  const numbers = Object.entries(status).filter(([, value]) => typeof value === 'number');
  return numbers.map(([name]) => name).filter((name) => !NO_COUNTERS.includes(name));
}

const { collectors, writers } = new FakeScraper().status();
const COUNTERS: Readonly<Record<keyof typeof COUNTER_READERS, readonly string[]>> = {
  prober: [...PROBER_COUNTERS, 'threadLosses'],
  aggregator: [...AGGREGATOR_COUNTERS, 'threadLosses'],
  history: Object.keys(new MatrixHistory({ horizonMs: 1, memoryBytes: 1 }).refused),
  scraper: ['leftOut', 'unreadableHistograms'],
  scraperCollector: countersIn(collectors[0]),
  scraperWriter: countersIn(writers[0]),
  reflector: [...REFLECTOR_COUNTERS, 'receiveQueueDrops'],
};

const PROMETHEUS = fileURLToPath(new URL('../../../../config/prometheus/', import.meta.url));
const ALERTS = readdirSync(PROMETHEUS)
  .filter((file) => file.endsWith('.yaml'))
  .flatMap((file) => {
    const rules: { groups: { rules: { alert?: string }[] }[] } = parse(readFileSync(join(PROMETHEUS, file), 'utf8'));
    return rules.groups.flatMap((group) => group.rules.flatMap(({ alert }) => alert ?? []));
  });

describe('table of counters and their readers', () => {
  for (const [of, names] of Object.entries(COUNTERS)) {
    const readers: Readonly<Record<string, CounterReader>> = COUNTER_READERS[of as keyof typeof COUNTER_READERS];

    it(`has exactly one line for each counter of ${of}`, () => {
      expect(Object.keys(readers)).to.have.members([...names]);
    });

    it(`names a reader of each counter of ${of}, or the reason for its absence`, () => {
      for (const [name, { warning, alerts, shown, harmless }] of Object.entries(readers)) {
        expect(warning ?? alerts ?? shown ?? harmless, name).not.to.equal(undefined);
        if (harmless !== undefined)
          expect([warning, alerts, shown], name).to.deep.equal([undefined, undefined, undefined]);
      }
    });

    it(`names only alerts of config/prometheus, for ${of}`, () => {
      for (const [name, { alerts = [] }] of Object.entries(readers))
        for (const alert of alerts) expect(ALERTS, name).to.include(alert);
    });

    for (const [name, { warning }] of Object.entries(readers)) {
      if (warning === undefined) continue;
      it(`warns of ${of}: ${name} only above its threshold`, () => {
        const base = Object.fromEntries(Object.keys(readers).map((key) => [key, 0]));
        const others = warning.above?.of.filter((key) => key !== name) ?? [];
        for (const key of others) base[key] = 1_000_000;
        // The counter may be part of what its share is of.
        const { share = 0, few = 0 } = warning.above ?? {};
        const own = warning.above?.of.includes(name) ? share / (1 - share) : share;
        const most = Math.max(few, Math.floor(own * 1_000_000 * others.length));
        const said = (value: number): string[] =>
          new RecentWarnings(readers)
            .warnings({ ...base, [name]: value })
            .filter((text) => text.startsWith(`${name}: `));
        expect(said(most)).to.deep.equal([]);
        expect(said(most + 1)).to.have.length(1);
      });
    }
  }
});
