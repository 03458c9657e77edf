import { expect } from 'chai';
import { HdrTextEncoder } from '../../../src/stats/hdrText.js';
import { RttHistogram } from '../../../src/stats/histogram.js';
import type { Answering } from '../../../src/stats/outcome.js';
import { bodyOf, EMPTY, formOf } from '../../../src/ui/groups/form.js';
import type { HistorySeries, ResultRow } from '../../../src/ui/lib/types.js';
import { onsetOf } from '../../../src/ui/overview/lossOnset.js';
import { concerning } from '../../../src/ui/pair/concerns.js';
import { addHdr, logBins, percentileOf } from '../../../src/ui/pair/hdr.js';
import { markingText, remarkedOf } from '../../../src/ui/pair/marking.js';
import { seededRandom } from '../../support/harness/random.js';

describe('the histograms that the page reads', () => {
  it('have the counts that were recorded, each within its bucket', async () => {
    const random = seededRandom(7);
    const encoder = new HdrTextEncoder();
    const counts = new Map<number, number>();
    const values: number[] = [];
    for (let text = 0; text < 3; text++) {
      const histogram = new RttHistogram();
      for (let i = 0; i < 2_000; i++) {
        const ns = Math.floor(10 ** (3 + random.next() * 6));
        histogram.record(ns);
        values.push(ns);
      }
      await addHdr(encoder.encode(histogram), counts);
    }
    values.sort((a, b) => a - b);
    expect([...counts.values()].reduce((a, b) => a + b, 0)).to.equal(values.length);
    for (const share of [0.001, 0.5, 0.9, 0.99, 1]) {
      const exact = values[Math.ceil(share * values.length) - 1];
      expect(percentileOf(counts, share) / exact, String(share)).to.be.within(0.999, 1.001);
    }
    const bins = logBins(counts, 1_000, 1_000_000_000, 60);
    expect(bins.reduce((sum, { count }) => sum + count, 0)).to.equal(values.length);
  });

  it('are refused when they are something else', async () => {
    for (const text of ['AAAAAAAAAAAA', 'HISTFAAAAAA'])
      expect(
        await addHdr(text, new Map()).then(
          () => 'read',
          () => 'refused',
        ),
        text,
      ).to.equal('refused');
  });
});

describe('since when a pair is bad', () => {
  const startMs = [0, 10, 20, 30, 40, 50, 60, 70];
  const onset = (lost: readonly (number | null)[]) =>
    onsetOf(
      startMs,
      {
        sent: lost.map((one) => (one === null ? null : 10)),
        received: lost.map((one) => (one === null ? null : 10 - 2 * one)),
        lost,
        unreachable: lost,
        ...{ tooBig: [], sendErrors: [], localDrops: [] },
      } as unknown as HistorySeries,
      'answers',
    );

  it('is the start of the newest spell of loss, which a clean interval or two do not end', () => {
    expect(onset([0, 0, 0, 0, 1, 0, 0, 1])).to.deep.equal({ sinceMs: 40, knownMs: 10 });
    expect(onset([1, 0, 0, 0, 0, 1, 1, 0])).to.deep.equal({ sinceMs: 50, knownMs: 20 });
  });

  it('is not known when it is bad as far back as is known', () => {
    expect(onset([1, 1, 1, 1, 1, 1, 1, 1])).to.deep.equal({ sinceMs: undefined, knownMs: 0 });
    expect(onset([null, null, 1, 1, 1, 1, 1, 1])).to.deep.equal({ sinceMs: undefined, knownMs: 20 });
  });
});

describe('since when a pair is in its present state', () => {
  const startMs = [0, 10, 20, 30, 40, 50, 60, 70];
  const COUNTS = { sent: 10, received: 10, lost: 0, unreachable: 0, tooBig: 0, sendErrors: 0, localDrops: 0 };
  const SLOTS = {
    '.': COUNTS,
    l: { ...COUNTS, received: 9, lost: 1 },
    s: { ...COUNTS, received: 0, lost: 10 },
    t: { ...COUNTS, received: 0, tooBig: 10 },
    u: { ...COUNTS, sent: 0, received: 0, sendErrors: 10 },
  };
  /** A letter for each slot: clean, losing, silent, too big, unsent. */
  const since = (slots: string, state: Answering) => {
    const found = [...slots].map((slot) => SLOTS[slot as keyof typeof SLOTS]);
    const pick = (name: keyof typeof COUNTS) => found.map((one) => one[name]);
    const series = Object.fromEntries(Object.keys(COUNTS).map((name) => [name, pick(name as keyof typeof COUNTS)]));
    return onsetOf(startMs, series as Record<keyof typeof COUNTS, number[]>, state).sinceMs;
  };

  it('is the start of that state, not of another trouble before', () => {
    expect(since('.lllluuu', 'unmeasured'), 'not sent, after a loss').to.equal(50);
    expect(since('.uuulsss', 'silent'), 'no answer, after a loss').to.equal(50);
    expect(since('.llltttt', 'silent'), 'too big').to.equal(40);
    expect(since('.ssssllll'.slice(1), 'answers'), 'losing, after no answer').to.equal(40);
    expect(since('uuuullll', 'answers'), 'losing, after it was not sent').to.equal(40);
  });

  it('takes one slot without an answer for loss, and an outage that is over for the trouble in the window', () => {
    expect(since('...lslll', 'answers')).to.equal(30);
    expect(since('...s....', 'answers')).to.equal(30);
    expect(since('..sss...', 'answers')).to.equal(20);
  });

  it('is not known where it is so as far back as is known', () => {
    expect(since('uuuuuuuu', 'unmeasured')).to.equal(undefined);
    expect(since('ssssssss', 'silent')).to.equal(undefined);
  });
});

describe('the page of a pair', () => {
  const ROW = { group: 'west', target: '10.9.0.2', port: 8100, dscp: 46, received: 20, lost: 0, localDrops: 0 };
  const row = (changes: Partial<ResultRow> = {}) => ({ ...ROW, ...changes }) as ResultRow;

  it('knows nothing of the marking of a target that never answered', () => {
    const silent = row({ received: 0, lost: 20, remarked: 0 });
    expect([remarkedOf(silent), markingText(silent)]).to.deep.equal([undefined, 'unknown']);
    const answers = row({ remarked: 0, dscpForward: 46, dscpReverse: 46 });
    expect([remarkedOf(answers), markingText(answers)]).to.deep.equal([0, 'kept (46)']);
    expect(markingText(row({ dscpForward: 0, dscpReverse: 46 }))).to.equal('46 → 0 → 46');
  });

  it('repeats no warning that concerns other pairs only', () => {
    const all = ['the kernel gives no stamps', 'scheduleSlips: 9 planned probes were not sent in time'];
    const others = [
      ...['group east: not in force', 'sendErrors: 5 probes were not sent', 'icmpUnmatched: 3 ICMP errors'],
      ...[
        '10.9.0.3:8100 of west: no answer on any source port',
        '3 targets, such as x of y: no answer on any source port',
      ],
    ];
    expect(concerning([...all, ...others], [row()], ['west'])).to.deep.equal(all);
    const own = [
      ...['group west: not in force', 'sendErrors: 5 probes were not sent', 'tooBig: 5 probes were larger'],
      ...[
        '10.9.0.2:8100 of west: no answer on any source port',
        '3 targets, such as x of y: no answer on any source port',
      ],
    ];
    const bad = row({ received: 0, lost: 3, sendErrors: 2, tooBig: 1 });
    expect(concerning([...all, ...own], [bad], ['west'])).to.deep.equal([...all, ...own]);
    expect(concerning([...all, ...others], [], []), 'nothing is known of the pair').to.deep.equal([...all, ...others]);
  });
});

describe('the form of a group', () => {
  it('gives back the group that it was filled from, with options that it does not show', () => {
    const group = {
      name: 'west',
      origin: 'api',
      protocol: 'stamp',
      port: 8100,
      period: '1s',
      timeout: '500ms',
      classes: ['cs0', 17],
      payloadBytes: 44,
      sourcePorts: 4,
      targets: [
        { address: '10.0.0.1', tags: { rack: 'r1', site: 'new "york"' } },
        { address: '10.0.0.2', port: 9 },
        { address: '2001:db8::1' },
        { address: '2001:db8::2', port: 9, tags: { rack: 'r2' } },
      ],
    };
    const { name: _name, origin: _origin, ...rest } = group;
    expect(bodyOf(formOf(group))).to.deep.equal(rest);
  });

  it('says which line of the targets it cannot read', () => {
    expect(() => bodyOf({ ...EMPTY, targets: '10.0.0.1 rack' })).to.throw(
      'found "rack" in the line "10.0.0.1 rack", expected tag=value',
    );
  });
});
