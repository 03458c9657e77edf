import { expect } from 'chai';
import { CHECKED, readResults } from '../../../../src/scraper/results/answer.js';
import { RowShape, ValueLengths } from '../../../../src/scraper/results/rowShape.js';
import { row } from '../../../support/fakes/scraped.js';
import { seededRandom } from '../../../support/harness/random.js';

const T = 1_763_700_000_000;

/** As collectors write rows: the histogram last. */
const withHdrLast = ({ hdr, ...others }: Readonly<Record<string, unknown>>): object => ({ ...others, hdr });

const bytesOf = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

function shapeOf(value: unknown): RowShape {
  const shape = RowShape.of(bytesOf(value), CHECKED);
  if (shape === undefined) throw new Error('it has no shape');
  return shape;
}

const answerOf = (...rows: readonly string[]): Buffer =>
  bytesOf(
    `{"collector":"a","intervalMs":1000,"oldest":${T},"gap":false,"intervals":[` +
      `{"start":"${new Date(T - 1000).toISOString()}","endMs":${T},"results":[${rows.join(',')}]}]}`,
  );

function isRead(...rows: readonly string[]): boolean {
  try {
    readResults(answerOf(...rows), 0);
    return true;
  } catch {
    return false;
  }
}

/** How many rows of an answer are parsed when it is read. */
function parsedOf(rows: readonly object[]): number {
  let parsed = 0;
  const parse = JSON.parse;
  JSON.parse = (text: string): unknown => {
    if (text.startsWith('{"group"')) parsed += 1;
    return parse(text) as unknown;
  };
  try {
    readResults(answerOf(...rows.map((one) => JSON.stringify(one))), 0);
  } finally {
    JSON.parse = parse;
  }
  return parsed;
}

describe('the shape of rows', () => {
  const first = row('10.2.0.2', { tags: { rack: 'r1' }, hdr: 'HISTFAAA', lossPct: 12.5, jitterUs: -0.25 });
  const shape = shapeOf(first);

  it('is that of rows with other values of the same kinds, and tells where they end', () => {
    const others = [
      first,
      row('2001:db8::ä', { group: '', tags: { rack: '{[,"]}'.replaceAll('"', '') }, hdr: '', jitterUs: 0 }),
      row('10.2.0.3', { ...first, sent: 0, lossPct: 0, port: 65_535, received: 999_999_999_999_999 }),
    ].map((one) => ({ ...first, ...one }));
    for (const other of others) {
      const text = bytesOf(other);
      expect(
        shape.endOf(Buffer.concat([Buffer.from('[1,'), text, Buffer.from(',{}]')]), 3, new ValueLengths()),
      ).to.equal(3 + text.length);
      expect(shape.endOf(text, 0, new ValueLengths())).to.equal(text.length);
    }
  });

  it('is that of rows in which nothing was sent, whose loss is null', () => {
    const text = bytesOf({ ...first, sent: 0, lossPct: null });
    expect(shape.endOf(text, 0, new ValueLengths())).to.equal(text.length);
  });

  it('is learned of rows that say why probes were not sent or unreachable', () => {
    const why = {
      sendErrorsBy: [{ count: 20, errno: 'ENETUNREACH' }],
      unreachableBy: [{ count: 2, type: 3, code: 3, reason: 'port unreachable', from: '10.9.0.2' }],
      tooBigBy: [{ count: 7, mtu: 1400, from: '10.9.0.254' }],
    };
    const rows = Array.from({ length: 200 }, (_, i) => ({ ...first, ...(i % 2 === 0 ? why : {}), port: i }));
    expect(parsedOf(rows.map(withHdrLast))).to.equal(2);
  });

  const DIFFERENT: readonly (readonly [string, object | string])[] = [
    ['another order', Object.fromEntries(Object.entries(first).reverse())],
    ['a field more', { ...first, later: 1 }],
    ['a field less', { ...first, hdr: undefined }],
    ['nothing for a map', { ...first, rttUs: null }],
    ['a number for a text', { ...first, group: 1 }],
    ['a text for a count', { ...first, sent: '1' }],
    ['a fraction for a count', { ...first, sent: 1.5 }],
    ['less than nothing for a count', { ...first, sent: -1 }],
    ['more than is exact for a count', { ...first, sent: 2 ** 53 }],
    ['other white space', JSON.stringify(first, null, 1)],
    ['an escape', { ...first, group: 'a"b' }],
    ['a number with an exponent', { ...first, jitterUs: 1e-9 }],
    ['a line break in a text', JSON.stringify(first).replace('HISTFAAA', 'HIST\nAAA')],
    ['leading zeros', JSON.stringify(first).replace('"sent":', '"sent":0')],
    ['no digits behind the point', JSON.stringify(first).replace('12.5', '12.')],
    ['no digits before it', JSON.stringify(first).replace('12.5', '.5')],
    ['a number of too many digits', JSON.stringify(first).replace('12.5', '9'.repeat(400))],
    ['half of the row', JSON.stringify(first).slice(0, -9)],
    ['nothing', ''],
  ];
  for (const [what, value] of DIFFERENT)
    it(`is different from that of ${what}`, () => {
      expect(shape.endOf(bytesOf(value), 0, new ValueLengths())).to.equal(-1);
    });

  it('is none where white space or escapes are', () => {
    expect(RowShape.of(bytesOf(JSON.stringify(first, null, 1)), CHECKED)).to.equal(undefined);
    expect(RowShape.of(bytesOf({ ...first, group: 'a\\b' }), CHECKED)).to.equal(undefined);
  });

  it('has numbers or nothing where that is not checked, and either truth', () => {
    const oneWay = { mean: 1.5, relative: true };
    const some = shapeOf(withHdrLast({ ...first, residenceUs: null, forwardUs: oneWay, reverseUs: null }));
    const other = {
      ...first,
      residenceUs: 2,
      jitterUs: null,
      forwardUs: { mean: 0, relative: false },
      reverseUs: null,
    };
    const bytes = bytesOf(withHdrLast(other));
    expect(some.endOf(bytes, 0, new ValueLengths())).to.equal(bytes.length);
    for (const wrong of [{ rttUs: 5 }, { sent: null }, { lossPct: 'x' }])
      expect(some.endOf(bytesOf(withHdrLast({ ...other, ...wrong })), 0, new ValueLengths())).to.equal(-1);
    const silent = shapeOf({ ...first, rttUs: null, hdr: null });
    for (const wrong of [{ rttUs: 5 }, { hdr: 5 }])
      expect(silent.endOf(bytesOf({ ...first, rttUs: null, hdr: null, ...wrong }), 0, new ValueLengths())).to.equal(-1);
  });

  it('is none of a row so large that it comes from no collector, and such an answer is read all the same', () => {
    const large = JSON.stringify({ ...first, ['x'.repeat(70_000)]: Array(10_000).fill(true) });
    expect(RowShape.of(bytesOf(large), CHECKED)).to.equal(undefined);
    expect(isRead(large, large)).to.equal(true);
  });

  const GREEDY: readonly (readonly [string, unknown])[] = [
    ['a thousand values', { later: Array(1000).fill(1) }],
    ['values that lie deep', { later: JSON.parse(`${'['.repeat(1000)}1${']'.repeat(1000)}`) as unknown }],
    ['a long name for many values', { ['x'.repeat(5000)]: Array(100).fill(1) }],
    [
      'names and words of many kilobytes',
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`${i}`.padStart(100), null])),
    ],
  ];
  for (const [what, more] of GREEDY)
    it(`does not exist for a row with ${what}, which would take many times its size`, () => {
      const greedy = withHdrLast({ ...first, ...(more as object) });
      expect(RowShape.of(bytesOf(greedy), CHECKED)).to.equal(undefined);
      expect(isRead(JSON.stringify(greedy), JSON.stringify(greedy))).to.equal(true);
    });

  it('lets an answer be read or refused as if it were not there, whatever is in a row', () => {
    const random = seededRandom(41);
    const pieces = ['"', '{', '}', '[', ']', ',', ':', '\\', ' ', '0', '-', '.', 'e', '17', 'null', 'true', 'x', '\n'];
    const oneWay = { mean: 1.5, relative: true };
    const kinds = [
      first,
      { ...first, rttUs: null, hdr: null, jitterUs: null },
      { ...first, group: 'a "b"' },
      { ...first, tags: {}, forwardUs: oneWay, reverseUs: null, hopsForward: 3, later: [1, { sent: 'x' }] },
    ].map((one) => JSON.stringify(withHdrLast({ ...one })));
    let read = 0;
    for (let run = 0; run < 15_000; run++) {
      let changed = kinds[random.below(kinds.length)] ?? '';
      for (let n = random.below(2) + 1; n > 0; n--) {
        const at = random.below(changed.length);
        const piece = pieces[random.below(pieces.length)] ?? '';
        changed = changed.slice(0, at) + piece + changed.slice(at + random.below(3));
      }
      const alone = isRead(changed);
      if (alone) read += 1;
      // In another order each time: what is learned first, or not at all, must not matter.
      const before = kinds.map((_, i) => kinds[(i + run) % kinds.length] ?? '');
      if (isRead(...before, changed) !== alone)
        throw new Error(`run ${run}, ${alone ? 'read' : 'refused'} alone: ${changed}`);
    }
    expect(read).to.be.within(500, 14_000);
  });

  it('is learned from the rows behind one that has none', () => {
    const strange = { ...first, group: 'a "b"' };
    for (const rows of [
      [strange, first, first, first],
      [first, strange, { ...first, rttUs: null }, first, strange, first],
    ])
      expect(isRead(...rows.map((one) => JSON.stringify(one)))).to.equal(true);
    expect(parsedOf([strange, first, first, first])).to.equal(2);
  });

  it('saves most rows of an answer from being parsed, however they are mixed', () => {
    const silent = { ...first, rttUs: null, hdr: null, received: 0 };
    const tagged = { ...first, tags: { rack: 'r2', pod: 'p1' } };
    const rows = (kinds: readonly object[]) =>
      Array.from({ length: 100 }, (_, index) => ({ ...kinds[index % kinds.length], sent: index }));
    expect(parsedOf(rows([first]))).to.equal(1);
    expect(parsedOf(rows([first, silent]))).to.equal(2);
    expect(parsedOf(rows([first, first, first, silent, tagged]))).to.equal(3);
    // Groups one after the other, each with a tag of its own.
    const groups = Array.from({ length: 30 }, (_, group) =>
      Array.from({ length: 10 }, () => ({ ...first, tags: { [`tag${group}`]: 'x' } })),
    );
    expect(parsedOf(groups.flat())).to.equal(30);
  });
});
