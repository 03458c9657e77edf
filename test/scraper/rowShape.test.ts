import { expect } from 'chai';
import { readResults } from '../../src/scraper/answer.js';
import { RowShape } from '../../src/scraper/rowShape.js';
import { seededRandom } from '../support/random.js';
import { row } from '../support/scraped.js';

const COUNTS = new Set(['port', 'dscp', 'sent', 'received', 'lost', 'unreachable', 'late', 'duplicates', 'reordered']);
const T = 1_763_700_000_000;

const bytesOf = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

function shapeOf(value: unknown): RowShape {
  const shape = RowShape.of(bytesOf(value), COUNTS);
  if (shape === undefined) throw new Error('it has no shape');
  return shape;
}

/** As the first row of an answer, which is always parsed and checked. */
function isRight(text: string): boolean {
  const head = `{"collector":"a","intervalMs":1000,"next":1,"oldest":${T},"gap":false,"intervals":`;
  const start = new Date(T - 1000).toISOString();
  try {
    JSON.parse(text);
    readResults(bytesOf(`${head}[{"start":"${start}","end":"","endMs":${T},"results":[${text}]}]}`), 0);
    return true;
  } catch {
    return false;
  }
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
      expect(shape.endOf(Buffer.concat([Buffer.from('[1,'), text, Buffer.from(',{}]')]), 3)).to.equal(3 + text.length);
      expect(shape.endOf(text, 0)).to.equal(text.length);
    }
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
    it(`is not that of ${what}`, () => {
      expect(shape.endOf(bytesOf(value), 0)).to.equal(-1);
    });

  it('is none where white space or escapes are', () => {
    expect(RowShape.of(bytesOf(JSON.stringify(first, null, 1)), COUNTS)).to.equal(undefined);
    expect(RowShape.of(bytesOf({ ...first, group: 'a\\b' }), COUNTS)).to.equal(undefined);
  });

  it('is never that of a row which is refused when it is parsed and checked', () => {
    const random = seededRandom(41);
    const pieces = [
      '"',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '\\',
      ' ',
      '0',
      '-',
      '.',
      'e',
      '17',
      'null',
      'x',
      '\n',
      '\u0001',
    ];
    const text = JSON.stringify(first);
    let same = 0;
    for (let run = 0; run < 30_000; run++) {
      let changed = text;
      for (let n = random.below(3) + 1; n > 0; n--) {
        const at = random.below(changed.length);
        const piece = pieces[random.below(pieces.length)] ?? '';
        changed = changed.slice(0, at) + piece + changed.slice(at + random.below(3));
      }
      const bytes = bytesOf(changed);
      const end = shape.endOf(bytes, 0);
      if (end === -1) continue;
      same += 1;
      const taken = bytes.toString('utf8', 0, end);
      if (!isRight(taken)) throw new Error(`run ${run}: ${taken}`);
    }
    expect(same).to.be.greaterThan(500);
  });

  it('saves most rows of an answer from being parsed, whatever comes between them', () => {
    let parsed = 0;
    const rows = Array.from({ length: 100 }, (_, index) => ({
      ...first,
      sent: index,
      rttUs: index % 20 === 0 ? null : first.rttUs,
    }));
    const answer = {
      collector: 'a',
      intervalMs: 1000,
      oldest: T,
      gap: false,
      intervals: [{ start: new Date(T - 1000).toISOString(), endMs: T, results: rows }],
    };
    const parse = JSON.parse;
    JSON.parse = (text: string): unknown => {
      if (text.startsWith('{"group"')) parsed += 1;
      return parse(text) as unknown;
    };
    try {
      readResults(bytesOf(answer), 0);
    } finally {
      JSON.parse = parse;
    }
    expect(parsed).to.equal(10);
  });
});
