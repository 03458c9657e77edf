import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { type FrameInput, frame } from '../../../../src/cli/top/frame.js';
import { widthOf, withColour, withoutColour } from '../../../../src/cli/top/text.js';
import type { View } from '../../../../src/cli/top/types.js';
import { networkOf } from '../../../../src/cli/top/verdict.js';
import { large, matrixOf, pictureOf, small, TROUBLES, VIEW } from './samples.js';

const GOLDEN = new URL('../../../../../test/unit/cli/top/golden/', import.meta.url);

function draw(changes: Partial<FrameInput> = {}): readonly string[] {
  return frame({
    ...{ picture: small(), view: VIEW, connection: { state: 'live' }, sinceMs: 1_000 },
    ...{ width: 80, height: 24, paint: withoutColour },
    ...changes,
  }).lines;
}

/** LLAMA_WRITE_GOLDEN=1 writes what is drawn now: read the difference before it is committed. */
function sameAsGolden(name: string, lines: readonly string[]): void {
  const text = `${lines.join('\n')}\n`;
  const file = new URL(`${name}.txt`, GOLDEN);
  if (process.env.LLAMA_WRITE_GOLDEN === '1') {
    mkdirSync(GOLDEN, { recursive: true });
    writeFileSync(file, text);
  }
  expect(text).to.equal(readFileSync(file, 'utf8'));
}

const line = (lines: readonly string[], start: string): string => lines.find((one) => one.startsWith(start)) ?? '';
const view = (changes: Partial<View>): View => ({ ...VIEW, ...changes });

describe('the picture of llama top', () => {
  it('at 80x24 is that of the golden file', () => sameAsGolden('80x24', draw()));

  it('at 200x50 is that of the golden file', () => sameAsGolden('200x50', draw({ width: 200, height: 50 })));

  it('while the service is away, with troubles of the tool, is that of the golden file', () => {
    const picture = small();
    const connection = { state: 'away', awayMs: 83_000, retryMs: 2_400, reason: 'connection refused' } as const;
    sameAsGolden(
      'away',
      draw({ picture: { ...picture, tool: { ...picture.tool, troubles: TROUBLES } }, connection, sinceMs: 83_500 }),
    );
  });

  it('matches the golden file for a thousand rows: worst first, with the visible range', () =>
    sameAsGolden('large', draw({ picture: large(), width: 120, height: 40 })));

  for (const [width, height] of [
    [80, 24],
    [200, 50],
    [40, 30],
    [30, 60],
    [20, 5],
    [1, 1],
  ])
    it(`never is wider or higher than ${width}x${height}, in colour too`, () => {
      for (const picture of [small(), large()])
        for (const paint of [withoutColour, withColour]) {
          const lines = draw({ picture, width, height, paint });
          expect(lines).to.have.length.at.most(height);
          for (const text of lines)
            expect(widthOf(text.replaceAll(/\p{Cc}\[[0-9;]*m/gu, '')), text).to.be.at.most(width);
        }
    });

  it('tells stale, not measured, without reply and zero apart', () => {
    const cells = [
      { row: 0, column: 0, value: 50, stale: true },
      { row: 0, column: 1, value: null, lost: 1000 },
      { row: 0, column: 2, value: 50 },
    ];
    const picture = pictureOf(matrixOf(['a'], ['s', 'n', 'z', 'm'], cells, 'p99'));
    const [, ...shown] = line(draw({ picture, view: view({ sort: 'name' }) }), 'a  ').split(/\s+/);
    expect(shown).to.deep.equal(['50.0us~', '-!', '50.0us', '·']);
    const other = pictureOf(
      matrixOf(
        ['a', 'b'],
        ['x', 'y'],
        [
          { row: 0, column: 0, value: 0 },
          { row: 1, column: 1, value: 0 },
        ],
      ),
    );
    expect(line(draw({ picture: other }), 'a  ')).to.match(/ 0 +·$/);
  });

  it('never shows a small loss as none, nor nearly all as all', () => {
    const cells = [
      { row: 0, column: 0, value: 0.00001, sent: 10_000_000, lost: 1 },
      { row: 0, column: 1, value: 99.99999, sent: 10_000_000, lost: 9_999_999 },
    ];
    const text = line(draw({ picture: pictureOf(matrixOf(['a'], ['x', 'y'], cells)) }), 'a  ');
    expect(text).to.match(/>99\.9999! +<0\.0001\+$/);
  });

  it('turns everything stale when no newer picture comes', () => {
    const texts = draw({ sinceMs: 30_000, width: 120, view: view({ sort: 'name' }) });
    expect(texts[0]).to.match(/STALE$/);
    expect(line(texts, 'interval')).to.include('data 32s old, STALE');
    expect(line(texts, '10.1.0.1')).to.match(/0~ +0\.100~ +2\.50~ +-~$/);
    expect(line(texts, 'network')).to.equal('network: unknown; 15 stale');
  });

  it('gives stale pairs no colour of health', () => {
    const picture = small();
    const well = picture.pairs.filter(({ lossPct, stale, state }) => lossPct === 0 && !stale && state === 'answers');
    const style = (pairs: typeof well) => networkOf({ ...picture, pairs }, 0).style;
    const [first, ...others] = well;
    expect(style(well)).to.equal('plain');
    expect(style([{ ...first, stale: true }, ...others])).to.equal('warn');
    expect(style([{ ...first, stale: true }])).to.equal('warn');
  });

  it('calls no pair healthy without replies, and says why', () => {
    const picture = small();
    const [first, second, third, ...others] = picture.pairs;
    const failed = { received: 0, lost: 0, lossPct: 0, timeUs: null };
    const tooBig = { ...first, ...failed, state: 'silent', reason: 'too big for the path (mtu 1400)' } as const;
    const reason = 'not sent: no route to 10.9.0.2 (ENETUNREACH)';
    const unsent = { ...second, ...failed, sent: 0, lossPct: null, state: 'unmeasured', reason } as const;
    const whole = { ...third, lost: 0, lossPct: 0 };
    const well = others.filter(({ lossPct, stale }) => lossPct === 0 && !stale);
    const texts = draw({ picture: { ...picture, pairs: [tooBig, unsent, whole, ...well] }, width: 200, height: 40 });
    const all = 3 + well.length;
    expect(line(texts, 'network')).to.equal(
      `network: ${all} pairs: no answer from 1, not measured: 1, no loss on ${all - 2}; latency normal on the ${all - 2} that answer`,
    );
    expect(line(texts, tooBig.target), 'no loss of 0 without an answer').not.to.match(/ 0 /);
    const text = texts.join('\n');
    for (const why of [tooBig.reason, reason])
      expect(text.split(why).length - 1, `${why}: as an example, and in its row`).to.equal(2);
  });

  it('has paths that do not answer among the worst, whatever their loss is called', () => {
    const picture = small();
    const [first, ...others] = picture.paths.paths;
    const well = others.filter(({ lossPct }) => (lossPct ?? 0) < 100);
    const tooBigBy = [{ count: first.sent, mtu: 1400, from: '10.9.0.254' }];
    const failed = {
      received: 0,
      lost: 0,
      lossPct: null,
      rttUs: null,
      sourcePort: 41_000,
      tooBig: first.sent,
      tooBigBy,
    };
    const paths = { total: well.length + 1, paths: [...well, { ...first, ...failed }] };
    const texts = draw({ picture: { ...picture, paths }, width: 240, height: 60 });
    const [worst] = texts.slice(texts.findIndex((text) => text.includes('WORST PATHS')) + 2);
    expect(worst).to.match(/41000 +- +0 .*too big for the path \(mtu 1400, from 10\.9\.0\.254\)/);
  });

  it('says after the verdict that probes of answering pairs were too big, and tells two ports of one target apart', () => {
    const picture = small();
    const [first] = picture.pairs.filter(({ lossPct, stale, state }) => lossPct === 0 && !stale && state === 'answers');
    const reason = 'no answer';
    const silent = { ...first, state: 'silent', received: 0, reason, lossPct: null } as const;
    const pairs = [
      { ...first, tooBig: 3 },
      { ...silent, port: 8101 },
      { ...silent, port: 8102 },
    ];
    const { text, examples, style } = networkOf({ ...picture, pairs }, 0);
    expect(text).to.include('no answer from 2').and.to.include('some probes too big for the path on 1');
    expect(examples.slice(0, 2)).to.deep.equal(
      [8101, 8102].map((port) => `${first.source} to ${first.target} port ${port}: no answer`),
    );
    expect(style).to.equal('bad');
    expect(networkOf({ ...picture, pairs: pairs.slice(0, 1) }, 0).style, 'not as health').to.equal('warn');
  });

  it('has paths whose probes were not sent among the worst, and marks one that answers all it was sent as a warning', () => {
    const picture = small();
    const [first, ...others] = picture.paths.paths;
    const well = others.filter(({ lossPct }) => lossPct === 0);
    const refused = { sent: 1, received: 1, lost: 0, lossPct: 0, sendErrors: 99, sourcePort: 41_000 };
    const dropped = {
      ...first,
      sent: 9,
      received: 0,
      lost: 0,
      lossPct: null,
      localDrops: 9,
      sourcePort: 41_001,
      rttUs: null,
    };
    const paths = [...well, { ...first, ...refused }, dropped];
    const texts = draw({ picture: { ...picture, paths: { total: paths.length, paths } }, width: 240, height: 60 });
    const [worst, second] = texts.slice(texts.findIndex((text) => text.includes('WORST PATHS')) + 2);
    expect(worst).to.match(/41000 +0 .*\+ +not sent/);
    expect(second).to.match(/41001 +- .*\+ +dropped by this host/);
  });

  it('tells paths of two groups and ports on one address apart', () => {
    const picture = small();
    const [first] = picture.paths.paths;
    const paths = { total: 2, paths: [first, { ...first, group: 'closed', port: 8109 }] };
    const texts = draw({ picture: { ...picture, paths }, width: 200, height: 60 });
    const [head, ...rows] = texts.slice(texts.findIndex((text) => text.includes('WORST PATHS')) + 1);
    expect(head).to.match(/^group +source +target +to port +class/);
    expect(rows[0]).to.match(/^west .* 8100 +ef/);
    expect(rows[1]).to.match(/^closed .* 8109 +ef/);
  });

  it('marks cells without an answer, also without counted loss, and unmeasured cells', () => {
    const matrix = matrixOf(
      ['a'],
      ['tooBig', 'unsent', 'well'],
      [
        { row: 0, column: 0, value: 0, lost: 1000 },
        { row: 0, column: 1, value: null, sent: 0 },
        { row: 0, column: 2, value: 0 },
      ],
    );
    const texts = draw({ picture: pictureOf(matrix), view: view({ sort: 'name' }) });
    expect(line(texts, 'a  ').split(/\s+/)).to.deep.equal(['a', '-!', '?+', '0']);
    const hidden = { silentSeries: [0, 0, 1], unmeasuredSeries: [0, 0, 0], value: [100, 33, 0] };
    const folded = { ...matrix, cells: { ...matrix.cells, ...hidden } };
    const marks = line(draw({ picture: pictureOf(folded), view: view({ sort: 'name' }) }), 'a  ');
    expect(marks.split(/\s+/), 'no loss of a time before, no 0').to.deep.equal(['a', '-!', '?+', '-!']);
  });

  it('names pairs without an answer, not their classes, and one of each reason first', () => {
    const picture = small();
    const [first] = picture.pairs;
    const silent = (target: string, reason: string, trafficClass = 'ef') =>
      ({ ...first, target, reason, class: trafficClass, state: 'silent' }) as const;
    const pairs = [
      ...[
        silent('a', 'no answer'),
        silent('a', 'no answer', 'cs0'),
        silent('b', 'no answer'),
        silent('c', 'no answer'),
      ],
      ...[silent('d', 'unreachable', 'ef'), silent('e', 'no answer')],
    ];
    const named = (of: typeof pairs): string[] =>
      draw({ picture: { ...picture, pairs: of }, width: 200, height: 60 })
        .filter((text) => text.startsWith('         ! '))
        .map((text) => text.slice(11).trimEnd());
    const from = first.source;
    expect(named(pairs)).to.deep.equal([
      ...[`${from} to a: no answer`, `${from} to d: unreachable`, `${from} to b: no answer`, 'and 2 more'],
    ]);
    const other = { ...pairs[0], group: 'other' };
    expect(named([pairs[0], other])).to.deep.equal([
      ...[`west: ${from} to a: no answer`, `other: ${from} to a: no answer`],
    ]);
  });

  it('says how many pairs are slower than their own normal', () => {
    const worst = [{ row: ['host-a', '10.1.0.1'], column: ['west', '10.2.0.1', 'ef'], nowUs: 90_000, normalUs: 90 }];
    const text = draw({ picture: { ...small(), slowness: { compared: 14, slow: 3, worst } }, width: 160 }).join('\n');
    expect(text).to.include('slow: 3 of 14').and.include('10.1.0.1 to 10.2.0.1: median 90.0ms, normal 90.0us');
    const some = draw({ picture: { ...small(), slowness: { compared: 4, slow: 0, worst: [] } }, width: 160 });
    expect(line(some, 'network'), 'nothing is said of pairs without a normal').to.match(
      /; latency normal on 4 of 13 that answer$/,
    );
    const unknown = draw({ picture: { ...small(), slowness: { compared: 0, slow: 0, worst: [] } }, width: 160 });
    expect(line(unknown, 'network')).to.not.match(/latency|slow/);
  });

  it('says that the numbers belong to the previous request while an answer is awaited', () => {
    const waiting = view({ asked: { ...VIEW.asked, metric: 'p99', class: 'ef' } });
    const text = line(draw({ view: waiting, width: 200 }), 'interval');
    expect(text).to.include('class all  metric loss  (waiting for class ef, metric p99)');
  });

  it('lets no name reach the terminal as a control sequence', () => {
    const name = 'evil\u001b[2J\u0007\u202e';
    const picture = pictureOf(matrixOf([name], [name], [{ row: 0, column: 0, value: 0 }]));
    const tool = { ...picture.tool, name, troubles: TROUBLES };
    for (const text of draw({ picture: { ...picture, tool }, width: 200, height: 50 }))
      expect(text).not.to.match(/[\p{Cc}\u202e]/u);
  });

  it('filters rows, or columns where no row matches, or both with ">"', () => {
    const rows = (filter: string): string[] =>
      draw({ view: view({ filter }), height: 60 })
        .filter((text) => !text.startsWith('         ! '))
        .slice(6)
        .map((text) => text.split(' ')[0])
        .slice(1);
    expect(rows('0.3').slice(0, 2)).to.deep.equal(['10.1.0.3', '']);
    const bare = (filter: string) =>
      draw({ view: view({ filter }), height: 60 }).filter((text) => !text.startsWith('         ! '));
    const both = bare('1.0.1>2.0.2');
    expect(both[6]).to.match(/^source \\ target +10\.2\.0\.2$/);
    expect(both[7]).to.match(/^10\.1\.0\.1 +0\.100\+$/);
    const columns = bare('2001:');
    expect(columns[6]).to.match(/^source \\ target +2001:db…34:5678$/);
    expect(draw({ view: view({ filter: 'nobody' }) }).join('\n')).to.include('nothing matches the filter');
  });

  it('sorts pairs by loss, or by time', () => {
    const first = (sort: View['sort']): string => {
      const texts = draw({ view: view({ sort }), width: 120, height: 60 });
      return texts[texts.findIndex((text) => text.includes('WORST PAIRS')) + 2];
    };
    expect(first('loss')).to.match(/^10\.1\.0\.1 .* ef +100 +1000 +1000 +- /);
    expect(first('time')).to.match(/ 94\.5us /);
  });

  it('scrolls to the end and no further', () => {
    const far = view({ sort: 'name', top: { matrix: 9_999, pairs: 0, paths: 0 }, left: 9_999 });
    const result = frame({
      ...{ picture: large(), view: far, connection: { state: 'live' }, sinceMs: 0 },
      ...{ width: 80, height: 24, paint: withoutColour },
    });
    expect(result.top.matrix).to.equal(1_000 - result.page.matrix);
    expect(result.left).to.equal(40 - result.pageColumns);
    expect(result.lines.join('\n'))
      .to.match(/^host-0999/m)
      .and.to.match(/rack-39 *$/m);
  });

  it('says so when paths by time are only the worst ones by loss', () => {
    const text = draw({ picture: large(), view: view({ sort: 'time' }), width: 120 }).join('\n');
    expect(text).to.match(/WORST PATHS {2}last interval, by time, of the 1000 with most loss {2}1-\d+ of 640000/);
  });

  it('without data says so', () => {
    const picture = pictureOf(matrixOf([], [], []), { ageMs: null });
    const text = draw({ picture }).join('\n');
    expect(text).to.include('no data yet').and.to.include('no data in the window');
  });
});
