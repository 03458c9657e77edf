import { expect } from 'chai';
import { type Page, readResults } from '../../../../src/scraper/results/answer.js';
import { kept, row } from '../../../support/fakes/scraped.js';
import { seededRandom } from '../../../support/harness/random.js';

const T = 1_763_700_000_000;

const place = (cursor: number) => ({ cursor, follows: 0, incarnation: undefined, clockEpoch: 0, clockAheadMs: 0 });

const interval = (endMs: number, results: unknown = [row('10.2.0.2')]) => ({
  start: new Date(endMs - 1000).toISOString(),
  end: new Date(endMs).toISOString(),
  endMs,
  results,
});

function answer(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const intervals = [interval(T + 1000), interval(T + 2000)];
  return { collector: 'a', intervalMs: 1000, next: T + 2000, oldest: T + 1000, gap: false, intervals, ...changes };
}

function read(value: unknown, after = T): Page {
  return readResults(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), after);
}

function problem(value: unknown, after = T): string {
  try {
    read(value, after);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

describe('the answer of a collector', () => {
  it('is taken as it is when it is right', () => {
    const page = read(answer());
    expect(page).to.deep.include({ collector: 'a', intervalMs: 1000, gap: false });
    expect(page.intervals.map(kept)).to.deep.equal([
      { collector: 'a', intervalMs: 1000, startMs: T, endMs: T + 1000, ...place(T + 1000), rows: [row('10.2.0.2')] },
      {
        collector: 'a',
        intervalMs: 1000,
        startMs: T + 1000,
        endMs: T + 2000,
        ...place(T + 2000),
        rows: [row('10.2.0.2')],
      },
    ]);
  });

  it('has intervals in the order of their cursors, whose ends may go back and be the same', () => {
    const intervals = [3, 1, 1].map((s, i) => ({ ...interval(T + s * 1000), cursor: T + 3000 + i, clockEpoch: i }));
    const page = read(answer({ intervals, next: T + 3002 }));
    expect(page.intervals.map(({ endMs, clockEpoch }) => [endMs - T, clockEpoch])).to.deep.equal([
      [3000, 0],
      [1000, 1],
      [1000, 2],
    ]);
  });

  it('may have smaller cursors than the one that was asked with, behind a gap only, and always in order', () => {
    expect(read(answer({ gap: true }), T + 9000).intervals).to.have.length(2);
    expect(problem(answer({ gap: false }), T + 9000)).to.include('at /intervals/0/cursor');
    const intervals = [2, 1].map((s) => ({ ...interval(T + s * 1000), cursor: T + s }));
    expect(problem(answer({ gap: true, intervals }), T + 9000)).to.include('at /intervals/1/cursor');
  });

  it('is told from that of a scraper', () => {
    expect(problem(answer({ collector: null, intervalMs: null }))).to.match(
      /results of a llama scraper.*list its collectors/,
    );
  });

  it('is refused when it has far more intervals than anybody asks for', () => {
    const some = (count: number) => Array.from({ length: count }, (_, index) => interval(T + 1000 + index, []));
    expect(read(answer({ intervals: some(1000) })).intervals).to.have.length(1000);
    expect(problem(answer({ intervals: some(1001) }))).to.equal(
      'found more than 1000 intervals at /intervals, expected as many as were asked for',
    );
  });

  it('may have rows without round trips, with histograms, and fields of later versions', () => {
    const rows = [row('10.2.0.2', { rttUs: null, hdr: null }), { ...row('10.2.0.3', { hdr: 'HISTF' }), later: 1 }];
    const page = read(answer({ intervals: [interval(T + 1000, rows)], later: 1 }));
    expect(kept(page.intervals[0]).rows).to.deep.equal(rows);
  });

  const BAD: readonly { readonly title: string; readonly value: unknown; readonly says: string }[] = [
    { title: 'nothing', value: '', says: 'found text that is not JSON' },
    { title: 'half of it', value: JSON.stringify(answer()).slice(0, -1), says: 'found text that is not JSON' },
    { title: 'a list', value: [], says: 'found an empty list at the top' },
    { title: 'null', value: 'null', says: 'found nothing at the top' },
    { title: 'no name', value: answer({ collector: '' }), says: 'found text at /collector, expected a name' },
    { title: 'no interval', value: answer({ intervalMs: 0 }), says: 'found a number at /intervalMs' },
    { title: 'no cursor', value: answer({ next: null }), says: 'found nothing at /next' },
    { title: 'no gap', value: answer({ gap: 0 }), says: 'found a number at /gap' },
    { title: 'no intervals', value: answer({ intervals: {} }), says: 'found a map at /intervals, expected a list' },
    { title: 'no map', value: answer({ intervals: [1] }), says: 'found a number at /intervals/0' },
    {
      title: 'intervals that were asked for already',
      value: answer({ intervals: [interval(T)] }),
      says: `found a number at /intervals/0/cursor, expected a number above ${T}`,
    },
    {
      title: 'intervals out of order',
      value: answer({ intervals: [interval(T + 2000), interval(T + 1000)] }),
      says: 'at /intervals/1/cursor',
    },
    {
      title: 'an interval without a length',
      value: answer({ intervals: [{ ...interval(T + 1000), start: new Date(T + 1000).toISOString() }] }),
      says: 'at /intervals/0/start',
    },
    {
      title: 'no rows',
      value: answer({ intervals: [interval(T + 1000, null)] }),
      says: 'nothing at /intervals/0/results',
    },
  ];
  for (const { title, value, says } of BAD)
    it(`with ${title} is refused as a whole`, () => {
      expect(problem(value)).to.include(says);
    });

  const FIELDS: readonly (readonly [string, unknown])[] = [
    ...['group', 'protocol', 'source', 'target', 'class'].map((name) => [name, 1] as const),
    ...['port', 'dscp', 'sent', 'received', 'lost', 'unreachable', 'late'].map((name) => [name, -1] as const),
    ...['duplicates', 'reordered', 'sendErrors', 'localDrops'].map((name) => [name, 1.5] as const),
    ['sent', '10'],
    ['lossPct', '0'],
    ['residenceUs', 'x'],
    ['jitterUs', undefined],
    ['tags', null],
    ['tags', { rack: 1 }],
    ['rttUs', undefined],
    ['rttUs', { min: 1 }],
    ['rttUs', { ...row('x').rttUs, p999: '131' }],
    ['hdr', 1],
  ];
  for (const [field, value] of FIELDS)
    it(`with ${JSON.stringify(value)} as ${field} of a row is refused, and says where`, () => {
      const rows = [row('10.2.0.2'), { ...row('10.2.0.3'), [field]: value }];
      expect(problem(answer({ intervals: [interval(T + 1000, rows)] }))).to.include(
        `at /intervals/0/results/1/${field}`,
      );
    });

  it('is read alike in whatever way its JSON is written', () => {
    const rows = [row('10.2.0.2', { group: 'a "b" \\ {[ä€😀]}', tags: { 'x,"y"': '}],' } }), row('10.2.0.3')];
    const value = answer({ intervals: [interval(T + 1000, rows), interval(T + 2000, [])], later: [{ a: ['}'] }] });
    const expected = read(value).intervals.map(kept);
    expect(expected.map((one) => one.rows)).to.deep.equal([rows, []]);
    const turned = Object.fromEntries(Object.entries(value).reverse());
    const escaped = JSON.stringify(value).replace(
      /[^\x20-\x7e]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    for (const text of [
      JSON.stringify(value, null, 2),
      JSON.stringify(value, null, '\t\r'),
      JSON.stringify(turned),
      escaped,
      ` ${escaped}\n`,
    ])
      expect(read(text).intervals.map(kept)).to.deep.equal(expected);
  });

  it('is read as JSON.parse reads it where a name is there twice, and with bytes that are no text', () => {
    const text = JSON.stringify(answer()).replace('{', '{"collector":"b","intervals":[],');
    expect(read(text)).to.deep.include({ collector: 'a' });
    expect(read(text).intervals).to.have.length(2);
    const bytes = Buffer.from(JSON.stringify(answer({ collector: 'a~' })));
    bytes[bytes.indexOf('~')] = 0xff;
    expect(readResults(bytes, T).collector).to.equal('a\ufffd');
  });

  it('is JSON or refused: it accepts nothing that JSON.parse refuses, whatever the content', () => {
    const random = seededRandom(8);
    const text = JSON.stringify(answer());
    const pieces = ['"', '{', '}', '[', ']', ',', ':', '\\', ' ', '1', 'null', 'x', '\n', '"a":1,'];
    let taken = 0;
    for (let i = 0; i < 20_000; i++) {
      const at = random.below(text.length);
      const changed = text.slice(0, at) + pieces[random.below(pieces.length)] + text.slice(at + random.below(2));
      const told = problem(changed);
      if (told !== 'none') continue;
      taken += 1;
      expect(() => JSON.parse(changed), changed).not.to.throw();
    }
    expect(taken).to.be.greaterThan(100);
  });

  it('never ends in anything but an error, whatever it is', () => {
    const random = seededRandom(7);
    const text = JSON.stringify(answer());
    for (let i = 0; i < 20_000; i++) {
      const from = random.below(text.length);
      const cut = text.slice(0, from) + text.slice(from + random.below(8));
      expect(problem(cut)).to.be.a('string');
    }
  });
});
