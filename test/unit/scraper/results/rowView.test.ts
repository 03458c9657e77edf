import { expect } from 'chai';
import { readResults } from '../../../../src/scraper/results/answer.js';
import { RowBytes } from '../../../../src/scraper/results/rowBytes.js';
import { RowView } from '../../../../src/scraper/results/rowView.js';
import type { OneWayUs, ResultRow, Rows, RttUs } from '../../../../src/scraper/results/types.js';
import { linesOf } from '../../../../src/scraper/writers/points.js';
import { reasonOf } from '../../../../src/stats/outcome.js';
import { row } from '../../../support/fakes/scraped.js';
import { type Random, seededRandom } from '../../../support/harness/random.js';

const T = 1_763_700_000_000;

/** The rows of an answer that holds these, which may be written in any way. */
function rowsOf(...rows: readonly (object | string)[]): RowBytes {
  const texts = rows.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  const answer =
    `{"collector":"a","intervalMs":1000,"oldest":${T},"gap":false,"intervals":[` +
    `{"start":"${new Date(T - 1000).toISOString()}","endMs":${T},"results":[${texts.join(',')}]}]}`;
  const read = readResults(Buffer.from(answer), 0).intervals[0]?.rows;
  if (!(read instanceof RowBytes)) throw new Error('no rows');
  return read;
}

const ALWAYS = [
  ...['group', 'protocol', 'source', 'target', 'class', 'tags', 'port', 'sent', 'received', 'lost', 'unreachable'],
  ...['dscp', 'lossPct', 'late', 'duplicates', 'reordered', 'sendErrors', 'localDrops', 'residenceUs', 'jitterUs'],
] as const satisfies readonly (keyof ResultRow)[];
const NUMBERS = [
  ...['tooBig', 'mtu', 'lostForward', 'lostReverse', 'lostUnknown', 'remarked', 'ceMarks', 'hopChanges'],
] as const satisfies readonly (keyof ResultRow)[];
const RTTS = ['min', 'mean', 'stddev', 'p50', 'p90', 'p99', 'p999', 'max'] as const satisfies readonly (keyof RttUs)[];

const numberOrNull = (value: unknown): number | null => (typeof value === 'number' ? value : null);

function oneWayOf(value: OneWayUs | null | undefined): object | null {
  if (typeof value?.mean !== 'number') return null;
  return { mean: value.mean, relative: value.relative === true };
}

/** All fields of a row as plain values; those that are not checked, and of another kind, are nothing. */
function plain(one: ResultRow): object {
  return {
    ...Object.fromEntries(ALWAYS.map((name) => [name, one[name]])),
    ...Object.fromEntries(NUMBERS.map((name) => [name, numberOrNull(one[name])])),
    rttUs: one.rttUs && Object.fromEntries(RTTS.map((name) => [name, one.rttUs?.[name]])),
    forwardUs: oneWayOf(one.forwardUs),
    reverseUs: oneWayOf(one.reverseUs),
    sendErrorsBy: one.sendErrorsBy ?? null,
    unreachableBy: one.unreachableBy ?? null,
    tooBigBy: one.tooBigBy ?? null,
    hdr: one.hdr ?? null,
  };
}

/** How many rows were shown without being parsed. Throws unless all are what parsing them says. */
function shown(rows: RowBytes): number {
  let views = 0;
  const seen: object[] = [];
  for (const one of rows.oneByOne()) {
    if (one instanceof RowView) views += 1;
    seen.push(structuredClone(plain(one)));
  }
  expect(seen).to.deep.equal([...rows].map(plain));
  return views;
}

/**
 * What a row says of probes that were not sent, unreachable or too big: nothing, that there were none, or lists of any
 * length.
 */
function explanations(random: Random): object {
  const list = <Entry>(entry: (i: number) => Entry): Entry[] | null =>
    random.below(3) > 0 ? Array.from({ length: 1 + random.below(4) }, (_, i) => entry(i)) : null;
  if (random.below(4) === 0) return {};
  return {
    sendErrorsBy: list((i) => ({ count: 9 - i, errno: ['ENETUNREACH', 'EPERM', 'errno 999'][random.below(3)] })),
    unreachableBy: list((i) => ({
      ...{ count: 9 - i, type: 3, code: random.below(16), reason: 'port unreachable' },
      from: random.below(4) === 0 ? null : `10.9.0.${random.below(9)}`,
    })),
    tooBigBy: list((i) => ({
      ...{ count: 9 - i, mtu: random.below(4) === 0 ? null : 1400 },
      from: random.below(4) === 0 ? null : `10.9.0.${random.below(9)}`,
    })),
  };
}

/** A row as a collector writes it, whatever happened to its probes. */
function randomRow(random: Random): object {
  const text = (): string =>
    ['', 'a', 'rack 1', 'ä€😀', '{[:,]}', 'x'.repeat(random.below(300))][random.below(6)] ?? '';
  const count = (): number => [0, 7, 65_535, 999_999_999_999_999][random.below(4)] ?? 0;
  const us = (): number => [0, 0.001, 61, 80.123, -4.5, 123_456_789.123, 1 / 3, 1e15, -0][random.below(9)] ?? 0;
  const maybe = <Value>(value: Value): Value | null => (random.below(4) === 0 ? null : value);
  const oneWay = (): object => ({ min: us(), mean: us(), max: us(), variation: us(), relative: random.below(2) === 0 });
  const replies = random.below(5) > 0;
  return {
    ...row(text(), { group: text(), source: text(), class: text(), port: count(), dscp: count() }),
    tags: [{}, { rack: text() }, { rack: text(), 'a.b': text(), 'mit Ä': 'x' }][random.below(3)],
    ...{ sent: count(), received: count(), lost: count(), unreachable: count(), lossPct: maybe(us()), late: count() },
    ...(random.below(2) === 0 ? { tooBig: count(), mtu: maybe(1400) } : {}),
    rttUs: replies ? Object.fromEntries(RTTS.map((name) => [name, us()])) : null,
    ...explanations(random),
    ...{ residenceUs: maybe(us()), jitterUs: maybe(us()) },
    ...(random.below(2) === 0 ? { lostForward: count(), forwardUs: oneWay(), reverseUs: maybe(oneWay()) } : {}),
    ...(random.below(3) === 0 ? { hopChanges: 'several', remarked: true, ceMarks: null, later: [1, { sent: 9 }] } : {}),
    ...(random.below(4) === 0 ? {} : { hdr: replies ? 'A'.repeat(random.below(400)) : null }),
  };
}

describe('rows that are read field by field', () => {
  const first = row('10.2.0.2', { hdr: 'HISTFAAA' });

  it('are equal to the parsed ones, whatever their content', () => {
    const random = seededRandom(43);
    let views = 0;
    for (let run = 0; run < 400; run++) {
      const kinds = Array.from({ length: 6 }, () => randomRow(random));
      views += shown(rowsOf(...Array.from({ length: 12 }, () => kinds[random.below(kinds.length)] ?? first)));
    }
    expect(views).to.be.within(1500, 4400);
  });

  it('say why nothing came back, with the MTU of the path and who named it', () => {
    const tooBig = {
      ...first,
      received: 0,
      lost: 0,
      unreachable: 0,
      sent: 7,
      tooBig: 7,
      mtu: 1400,
      rttUs: null,
      hdr: null,
    };
    const reasons = [...rowsOf(tooBig, { ...tooBig, mtu: 1280 }).oneByOne()].map(reasonOf);
    expect(reasons).to.deep.equal(['too big for the path (mtu 1400)', 'too big for the path (mtu 1280)']);
    const routers = ['10.9.0.253', '10.9.0.254'].map((from) => ({
      ...tooBig,
      tooBigBy: [{ count: 7, mtu: 1400, from }],
    }));
    expect([...rowsOf(...routers).oneByOne()].map(reasonOf)).to.deep.equal([
      'too big for the path (mtu 1400, from 10.9.0.253)',
      'too big for the path (mtu 1400, from 10.9.0.254)',
    ]);
  });

  it('are so with new values in a shape that is known', () => {
    const random = seededRandom(44);
    const values = [0, 1, 17, 999_999_999_999_999];
    const rows = Array.from({ length: 2000 }, (_, index) => ({
      ...first,
      target: `10.2.${index >> 8}.${index & 255}`,
      tags: { dst_rack: `r${random.below(40)}` },
      sent: values[random.below(4)],
      lossPct: Number((100 * random.next()).toFixed(random.below(17))),
      jitterUs: random.below(3) === 0 ? null : Number(`${random.below(1000)}.${random.below(1000)}`),
      hdr: 'H'.repeat(random.below(600)),
    }));
    expect(shown(rowsOf(...rows))).to.be.above(1990);
  });

  const NOT_SHOWN: readonly (readonly [string, string])[] = [
    ['an escape', JSON.stringify({ ...first, group: 'a"b' })],
    ['white space', JSON.stringify(first, null, 1)],
    ['two long texts', JSON.stringify({ ...first, group: 'g'.repeat(300), hdr: 'h'.repeat(300) })],
    ['a name that is there twice', JSON.stringify(first).replace('"sent":10', '"sent":10,"sent":11')],
    ['a map that is nothing afterwards', JSON.stringify(first).replace('"hdr"', '"rttUs":null,"hdr"')],
    ['a tag that would be none', JSON.stringify(first).replace('{"dst_rack"', '{"__proto__"')],
    ['a histogram before other fields', JSON.stringify({ hdr: 'HISTFAAA', ...first, later: 1 })],
  ];
  for (const [what, text] of NOT_SHOWN)
    it(`are parsed where there is ${what}`, () => {
      expect(shown(rowsOf(text, text, text))).to.equal(0);
      expect(shown(rowsOf(first, text, first, text, first))).to.equal(2);
    });

  it('have the same object for the same tags, in other answers too', () => {
    const tagsOf = (rows: RowBytes): unknown[] => Array.from(rows.oneByOne(), ({ tags }) => tags).slice(1);
    const [one, other] = [rowsOf(first, first, first), rowsOf(first, { ...first, target: '10.2.0.9' })].map(tagsOf);
    expect(one?.[0]).to.deep.equal({ dst_rack: 'r1' });
    expect(one?.[0]).to.equal(one?.[1]);
    expect(one?.[0]).to.equal(other?.[0]);
  });

  it('have separate tags where those are long, and the right ones after any number of others', () => {
    const long = { ...first, tags: { dst_rack: 'r'.repeat(1000) } };
    const [, some, others] = Array.from(rowsOf(long, long, long).oneByOne(), ({ tags }) => tags);
    expect(some).to.deep.equal(others);
    expect(some).to.not.equal(others);
    const many = Array.from({ length: 20_000 }, (_, index) => ({ ...first, tags: { dst_rack: `r${index % 9000}` } }));
    expect(shown(rowsOf(...many))).to.equal(19_999);
  });

  it('make the same lines as parsed ones, also with values of wrong types', async () => {
    const strange = [
      ...[1, 'yes', {}, null, true].map((relative) => ({ forwardUs: { mean: 5, relative } })),
      ...[
        { tooBig: 'x' },
        { reverseUs: 5 },
        { forwardUs: { mean: 'x', relative: true } },
        { forwardUs: { mean: false } },
        { reverseUs: { mean: [] } },
        { remarked: [1] },
      ],
    ].map((more) => ({ ...first, hdr: undefined, ...more }));
    for (const one of strange) {
      const rows = rowsOf(one, one, one);
      const linesOfAll = async (all: Rows): Promise<string[]> =>
        linesOf([{ collector: 'a', intervalMs: 1000, startMs: T - 1000, endMs: T, rows: all }], 'llama', 'ms');
      expect(await linesOfAll(rows)).to.deep.equal(await linesOfAll([...rows]));
    }
  });

  it('leave their histograms out where only the rest is wanted', () => {
    const rest = (rows: RowBytes): (string | undefined)[] =>
      Array.from({ length: rows.length }, (_, index) => {
        const bytes = rows.withoutHistogram(index);
        return bytes && `{${Buffer.from(bytes).toString()}}`;
      });
    const { hdr: _, ...without } = first;
    const expected = JSON.stringify(without);
    const long = { ...first, hdr: 'h'.repeat(700) };
    const kinds: readonly object[] = [first, long, { ...first, hdr: null }, without, { ...first, hdr: '' }];
    for (const kind of kinds) expect(rest(rowsOf(kind, kind, kind))).to.deep.equal([undefined, expected, expected]);
    const tagged = { ...without, tags: { hdr: 'x' } };
    expect(rest(rowsOf(tagged, tagged))).to.deep.equal([undefined, undefined]);
  });
});
