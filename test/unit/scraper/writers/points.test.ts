import { expect } from 'chai';
import type { CollectedInterval, ResultRow } from '../../../../src/scraper/results/types.js';
import { escapeTag, linesOf, msText } from '../../../../src/scraper/writers/points.js';
import { BASE_MS, parseLine, sampleInterval, sampleRow } from '../../../support/fakes/intervals.js';
import { seededRandom } from '../../../support/harness/random.js';

function intervalOf(...rows: ResultRow[]): CollectedInterval {
  return { collector: 'host-a', intervalMs: 10_000, startMs: BASE_MS, endMs: BASE_MS + 10_000, rows };
}

describe('points of an interval', () => {
  it('are one line of raw_stats for a row, with every field in percent, ms or probes, at the end of the interval', async () => {
    expect(await linesOf([intervalOf(sampleRow())], 'llama', 'ms')).to.deep.equal([
      'raw_stats,src_ip=10.1.0.2,dst_ip=10.2.0.2,dst_port=8100,collector=host-a,group=west,class=ef,dst_rack=r1 ' +
        'loss=1.25,lost=1,sent=160,received=158,unreachable=1,late=2,duplicates=3,reordered=4,send_errors=5,local_drops=6,' +
        'rtt=0.0802,rtt_min=0.061,rtt_max=0.131,rtt_stddev=0.0091,rtt_p50=0.079,rtt_p90=0.092,rtt_p99=0.11,rtt_p999=0.131,' +
        `jitter=0.0033,residence=0.0041 ${BASE_MS + 10_000}`,
    ]);
  });

  it('have their time in nanoseconds for files', async () => {
    const [line] = await linesOf([intervalOf(sampleRow())], 'llama', 'ns');
    expect(parseLine(line ?? '').time).to.equal(`${BASE_MS + 10_000}000000`);
  });

  it('leave out missing measurements, and never write 0 for them', async () => {
    const { rttUs } = sampleRow();
    const lines = await linesOf(
      [
        intervalOf(
          sampleRow({ received: 0, rttUs: null, jitterUs: null, residenceUs: null }),
          sampleRow({ rttUs: rttUs && { ...rttUs, min: null, p50: null, stddev: null } }),
          sampleRow({ sent: 0, received: 0, lost: 0, unreachable: 0, lossPct: null, localDrops: 0, rttUs: null }),
        ),
      ],
      'llama',
      'ms',
    );
    const [none, some, unsent] = lines.map((line) => parseLine(line).fields);
    expect(none).to.not.have.any.keys('rtt', 'rtt_min', 'rtt_p50', 'rtt_p999', 'jitter', 'residence');
    expect(some).to.include({ rtt: 0.0802, rtt_p90: 0.092 }).and.not.have.any.keys('rtt_min', 'rtt_p50', 'rtt_stddev');
    expect(unsent, 'of no probes, none was lost').to.not.have.any.keys('loss');
    expect(unsent).to.include({ sent: 0 });
  });

  it('have no loss where the row has none: every reply was dropped by the host, or every probe too big', async () => {
    const none = { received: 0, lost: 0, unreachable: 0, rttUs: null, lossPct: null };
    const rows = [
      sampleRow({ ...none, sent: 7, localDrops: 7 }),
      sampleRow({ ...none, sent: 8, lost: 1, localDrops: 7, lossPct: 12.5 }),
      sampleRow({ ...none, sent: 7, tooBig: 7 }),
    ];
    const [dropped, lost, tooBig] = (await linesOf([intervalOf(...rows)], 'llama', 'ms')).map(
      (one) => parseLine(one).fields,
    );
    expect(dropped).to.include({ sent: 7, received: 0, local_drops: 7 }).and.not.have.any.keys('loss');
    expect(lost).to.have.any.keys('loss');
    expect(tooBig).to.include({ sent: 7, received: 0, too_big: 7 }).and.not.have.any.keys('loss');
  });

  it("of LLAMA's layout in Python have no loss where nothing was sent, and all of it where every probe was too big", async () => {
    const none = { received: 0, lost: 0, unreachable: 0, localDrops: 0, rttUs: null };
    const rows = [
      sampleRow({ ...none, target: '10.0.0.1', sent: 0, lossPct: null }),
      sampleRow({ ...none, target: '10.0.0.2', sent: 7, tooBig: 7, lossPct: null }),
      sampleRow({ ...none, target: '10.0.0.3', sent: 7, localDrops: 7, lossPct: null }),
      sampleRow({ ...none, target: '10.0.0.4', sent: 4, lost: 1, tooBig: 1, received: 2, lossPct: 25 }),
    ];
    const lines = (await linesOf([intervalOf(...rows)], 'llama-legacy', 'ms')).map(parseLine);
    expect(lines.map(({ measurement, tags, fields }) => [measurement, tags.dst_ip, fields.value])).to.deep.equal([
      ['loss', '10.0.0.2', 100],
      ['loss', '10.0.0.4', 50],
    ]);
  });

  it('have milliseconds as JavaScript writes them, to the nanosecond', () => {
    const random = seededRandom(47);
    const some = [
      0,
      1,
      9,
      10,
      999,
      1000,
      1001,
      999_999,
      1e6,
      1_000_001,
      1_010_000,
      60e9,
      Number.MAX_SAFE_INTEGER,
      -1500,
    ];
    for (let i = 0; i < 50_000; i++) some.push(random.below(10 ** (1 + random.below(15))));
    const wrong = some.filter((ns) => msText(ns) !== `${ns / 1e6}`);
    expect(wrong).to.deep.equal([]);
  });

  it('of rows with one and the same tags say where each came from', async () => {
    const tags = { src_ip: '10.1.0.2', dst_ip: '10.2.0.2', rack: 'r1' };
    const rows = [
      sampleRow({ tags }),
      sampleRow({ tags, source: '10.1.0.9' }),
      sampleRow({ tags, target: '10.2.0.9' }),
    ];
    const series = (await linesOf([intervalOf(...rows)], 'llama', 'ms')).map((line) => parseLine(line).tags);
    expect(
      series.map(({ src_ip, tag_src_ip, dst_ip, tag_dst_ip }) => [src_ip, tag_src_ip, dst_ip, tag_dst_ip]),
    ).to.deep.equal([
      ['10.1.0.2', undefined, '10.2.0.2', undefined],
      ['10.1.0.9', '10.1.0.2', '10.2.0.2', undefined],
      ['10.1.0.2', undefined, '10.2.0.9', '10.2.0.2'],
    ]);
  });

  it('leave out a time that is no number any more in nanoseconds', async () => {
    const [line] = await linesOf([intervalOf(sampleRow({ jitterUs: 1e306 }))], 'llama', 'ms');
    expect(parseLine(line ?? '').fields).to.not.have.any.keys('jitter');
  });

  it('are never integers to InfluxDB: no number has an i behind it', async () => {
    for (const line of await linesOf([sampleInterval('host-a', 1, 50)], 'llama', 'ms')) parseLine(line);
  });

  it('of rows that differ only in port, class, group, source or target are different series', async () => {
    const rows = [
      sampleRow(),
      sampleRow({ port: 8101 }),
      sampleRow({ class: 'cs0' }),
      sampleRow({ group: 'east' }),
      sampleRow({ source: '10.1.0.3' }),
      sampleRow({ target: '10.2.0.3' }),
    ];
    for (const layout of ['llama', 'llama-legacy'] as const) {
      const series = (await linesOf([intervalOf(...rows)], layout, 'ms')).map((line) => line.split(' ')[0]);
      expect(new Set(series).size, layout).to.equal(series.length);
    }
  });

  it('have no port where there is none', async () => {
    const [line] = await linesOf([intervalOf(sampleRow({ protocol: 'icmp', port: 0 }))], 'llama', 'ms');
    expect(parseLine(line ?? '').tags).to.not.have.property('dst_port');
  });

  it("keep a target's own tag under another name when its name is taken, and leave it out when it only repeats ours", async () => {
    const tags = {
      src_ip: '10.1.0.2',
      dst_ip: '192.0.2.1',
      class: 'gold',
      tag_class: 'silver',
      rtt: 'x',
      time: 'y',
      _field: 'z',
      dst_rack: 'r1',
    };
    const [line] = await linesOf([intervalOf(sampleRow({ tags }))], 'llama', 'ms');
    expect(parseLine(line ?? '').tags).to.deep.equal({
      src_ip: '10.1.0.2',
      dst_ip: '10.2.0.2',
      dst_port: '8100',
      collector: 'host-a',
      group: 'west',
      class: 'ef',
      dst_rack: 'r1',
      tag_dst_ip: '192.0.2.1',
      tag_class: 'silver',
      tag_tag_class: 'gold',
      tag_rtt: 'x',
      tag_time: 'y',
      tag__field: 'z',
    });
  });

  it("are LLAMA's own in the legacy layout: measurements rtt (ms) and loss (percent), field value", async () => {
    const lines = await linesOf(
      [intervalOf(sampleRow(), sampleRow({ port: 8101, rttUs: null }))],
      'llama-legacy',
      'ms',
    );
    expect(lines.map(parseLine).map(({ measurement, fields }) => [measurement, fields])).to.deep.equal([
      ['rtt', { value: 0.0802 }],
      ['loss', { value: 1.25 }],
      ['loss', { value: 1.25 }],
    ]);
  });

  it('have no duplicate tag when two names differ only in characters that the line protocol cannot represent', async () => {
    const [line] = await linesOf([intervalOf(sampleRow({ tags: { 'a b': '1', 'a\\ b': '2' } }))], 'llama', 'ms');
    expect(line?.split(',a\\ b=')).to.have.length(2);
    for (const [tags, keys] of [
      [{ 'tag_time\\': '1', time: '2' }, ['tag_time']],
      [{ 'loss\\': '1', 'dst_port\\': '7' }, ['tag_dst_port', 'tag_loss']],
    ] as const) {
      const [one] = await linesOf([intervalOf(sampleRow({ port: 0, tags }))], 'llama', 'ms');
      expect(one?.match(/,(\w+)=/g)?.slice(5, 5 + keys.length)).to.deep.equal(keys.map((key) => `,${key}=`));
    }
  });

  it('drop empty tags', async () => {
    const [line] = await linesOf([intervalOf(sampleRow({ source: '', tags: { a: '', b: 'x' } }))], 'llama', 'ms');
    expect(parseLine(line ?? '').tags).to.not.have.any.keys('src_ip', 'a');
    expect(parseLine(line ?? '').tags).to.include({ b: 'x' });
  });

  it('accept any tag: 20,000 random names and values come back unchanged, except for characters that the line protocol cannot represent', async () => {
    const random = seededRandom(7);
    const alphabet = ['a', 'é', '日', '🦙', ' ', ',', '=', '\\', '\n', '\r', '\t', '"', "'", '#', '\u0000', '-'];
    const text = (): string =>
      Array.from({ length: random.below(8) }, () => alphabet[random.below(alphabet.length)]).join('');
    const rows = Array.from({ length: 20_000 }, () => sampleRow({ tags: { [`k${text()}`]: text(), z: text() } }));
    const lines = await linesOf([intervalOf(...rows)], 'llama', 'ms');
    expect(lines).to.have.length(rows.length);
    for (const [index, line] of lines.entries()) {
      expect(line).to.not.match(/[\n\r\t]/);
      const { tags } = parseLine(line);
      for (const [name, value] of Object.entries(rows[index]?.tags ?? {})) {
        const held = held1(value);
        expect(tags[held1(name)], JSON.stringify({ name, value, line })).to.equal(held === '' ? undefined : held);
      }
    }
  });

  it('are escaped at once when nothing is to be escaped', () => {
    expect(escapeTag('rack-1.example:8100/24')).to.equal('rack-1.example:8100/24');
    expect(escapeTag('a b')).to.equal('a\\ b');
    expect(escapeTag('C:\\dir\\')).to.equal('C:\\dir');
  });
});

/** What is left of a text in the line protocol: no control characters, no backslash before a separator or the end. */
function held1(text: string): string {
  return text
    .replace(/\\+(?=[ ,=]|$)/g, '')
    .replace(/[\n\r\t]/g, (found) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[found] ?? found);
}
