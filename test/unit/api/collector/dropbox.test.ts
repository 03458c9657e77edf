import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { buildApi } from '../../../../src/api/collector/app.js';
import { goTime } from '../../../../src/api/collector/dropbox.js';
import { serveCollector } from '../../../../src/cli/shared/serve.js';
import { parseConfig } from '../../../../src/config/collector/config.js';
import { FakeCollector } from '../../../support/fakes/fakeCollector.js';
import { Fixture, silent } from '../../../support/harness/reflector.js';
import { waitFor } from '../../../support/harness/wait.js';

const T = 1_763_700_000_000;

const CONFIG = `
collector: { name: host-a }
groups:
  west:
    classes: [cs0, ef]
    targets:
      - { address: 10.2.0.2, tags: { dst_rack: r1, a: "<&>\\u2028ü\\"" } }
  east:
    targets:
      - { address: "2001:db8::2", tags: { src_ip: own } }
      - { address: 10.1.0.2, port: 8100 }
      - { address: 10.1.0.2, port: 8200 }
`;

describe("LLAMA's own interfaces", () => {
  let collector: FakeCollector;
  let app: FastifyInstance;

  beforeEach(() => {
    collector = new FakeCollector(CONFIG);
    app = buildApi(collector);
  });
  afterEach(() => app.close());

  async function body(url: string): Promise<string> {
    const response = await app.inject(url);
    expect(response.statusCode).to.equal(200);
    expect(response.headers['content-type']).to.equal('application/json; charset=utf-8');
    return response.body;
  }

  /** Streams 0, 1: west in cs0 and ef; 2, 3, 4: east. */
  function finish(): void {
    collector.finish(T, {
      numbers: new Map([
        [0, { sent: 480, received: 480, rttsNs: [500_000, 520_000] }],
        [1, { sent: 3, received: 1, lost: 1, unreachable: 1, rttsNs: [1_234_567] }],
        [2, { sent: 8, lost: 7, localDrops: 1 }],
        [3, { sent: 10, received: 10, rttsNs: [1_000_000] }],
        [4, { sent: 10, received: 5, lost: 5, rttsNs: [4_000_000] }],
      ]),
    });
  }

  it('/status says ok', async () => {
    const response = await app.inject('/status');
    expect(response.statusCode).to.equal(200);
    expect(response.headers['content-type']).to.equal('text/plain; charset=utf-8');
    expect(response.body).to.equal('ok');
  });

  for (const url of ['/influxdata', '/latency'])
    it(`${url} is an empty array before the first interval`, async () => {
      expect(await body(url)).to.equal('[]');
    });

  it('/influxdata has the bytes that Go would write', async () => {
    finish();
    const time = '"time":"2025-11-21T04:40:00Z","measurement":"raw_stats"}';
    const tags = '"a":"\\u003c\\u0026\\u003e\\u2028ü\\""';
    expect(await body('/influxdata')).to.equal(
      `[{"fields":{"loss":0.000000,"lost":0.000000,"rtt":0.510000,"sent":480.000000},"tags":{${tags},"class":"cs0","dst_ip":"10.2.0.2","dst_rack":"r1","src_ip":"10.9.0.1"},${time},` +
        `{"fields":{"loss":66.666667,"lost":2.000000,"rtt":1.234567,"sent":3.000000},"tags":{${tags},"class":"ef","dst_ip":"10.2.0.2","dst_rack":"r1","src_ip":"10.9.0.1"},${time},` +
        `{"fields":{"loss":87.500000,"lost":7.000000,"rtt":0.000000,"sent":8.000000},"tags":{"dst_ip":"2001:db8::2","src_ip":"own"},${time},` +
        `{"fields":{"loss":25.000000,"lost":5.000000,"rtt":2.500000,"sent":20.000000},"tags":{"dst_ip":"10.1.0.2","src_ip":"10.9.0.1"},${time}]`,
    );
  });

  it('writes /latency as Python would', async () => {
    finish();
    const tags = '"a":"<&>\\u2028\\u00fc\\""';
    expect(await body('/latency')).to.equal(
      `[{"tags":{${tags},"class":"cs0","dst_host":"10.2.0.2","dst_rack":"r1","src_host":"host-a"},"data":[["rtt",0.51,1763700000],["loss",0.0,1763700000]]},` +
        `{"tags":{${tags},"class":"ef","dst_host":"10.2.0.2","dst_rack":"r1","src_host":"host-a"},"data":[["rtt",1.234567,1763700000],["loss",66.666667,1763700000]]},` +
        `{"tags":{"dst_host":"2001:db8::2","src_host":"host-a","src_ip":"own"},"data":[["rtt",0.0,1763700000],["loss",87.5,1763700000]]},` +
        `{"tags":{"dst_host":"10.1.0.2","src_host":"host-a"},"data":[["rtt",2.5,1763700000],["loss",25.0,1763700000]]}]`,
    );
  });

  it('gives the last interval only, and no point of a target that nothing was sent to', async () => {
    finish();
    collector.finish(T + 10_000, {
      numbers: new Map([
        [3, { sent: 1, received: 1, rttsNs: [1] }],
        [0, { late: 2, sendErrors: 20 }],
        [2, { sent: 5, localDrops: 5 }],
        // Their outcomes died with a thread.
        [1, { sent: 5 }],
      ]),
    });
    expect(JSON.parse(await body('/latency'))).to.have.length(1);
    const points = JSON.parse(await body('/influxdata'));
    expect(points).to.have.length(1);
    expect(points[0].time).to.equal('2025-11-21T04:40:10Z');
  });

  it('counts probes without a reply as lost when they were too big, for LLAMA knows no other word', async () => {
    collector.finish(T, { numbers: new Map([[3, { sent: 7, tooBig: 7 }]]) });
    const [point] = JSON.parse(await body('/influxdata'));
    expect(point.fields).to.deep.equal({ loss: 100, lost: 7, rtt: 0, sent: 7 });
    expect(JSON.parse(await body('/latency'))[0].data[1].slice(0, 2)).to.deep.equal(['loss', 100]);
  });

  it('writes times as Go does, with as many decimals as it takes', () => {
    for (const [ms, text] of [
      [T, '2025-11-21T04:40:00Z'],
      [T + 100, '2025-11-21T04:40:00.1Z'],
      [T + 20, '2025-11-21T04:40:00.02Z'],
      [T + 123, '2025-11-21T04:40:00.123Z'],
      [T + 600_000, '2025-11-21T04:50:00Z'],
    ] as const)
      expect(goTime(ms)).to.equal(text);
  });

  it("is read by the scraper in Go: its structs take every field, and InfluxDB's client every number as a float", async () => {
    finish();
    for (const point of goDecode(await body('/influxdata'))) {
      expect(Object.keys(point.fields)).to.deep.equal(['loss', 'lost', 'rtt', 'sent']);
      expect(point.measurement).to.equal('raw_stats');
      expect(point.time.getTime()).to.equal(T);
    }
    const keys = goDecode(await body('/influxdata')).map(({ tags }) => JSON.stringify(tags));
    expect(new Set(keys).size, 'points of the same tags and time would overwrite each other').to.equal(keys.length);
  });

  it('is read by the scraper in Python, which writes the points as they come', async () => {
    finish();
    const points = JSON.parse(await body('/influxdata'));
    for (const point of points) {
      expect(point).to.have.all.keys('measurement', 'tags', 'fields', 'time');
      for (const value of Object.values(point.tags)) expect(value).to.be.a('string');
      expect(Number.isNaN(Date.parse(point.time))).to.equal(false);
    }
    for (const { tags, data } of JSON.parse(await body('/latency'))) {
      expect(tags).to.include.keys('dst_host', 'src_host');
      for (const [name, value, timestamp] of data) {
        expect(name).to.be.oneOf(['rtt', 'loss']);
        expect(value).to.be.a('number');
        expect(timestamp).to.equal(T / 1000);
      }
    }
  });
});

describe("LLAMA's own interfaces of a collector that measures", () => {
  const fixture = new Fixture();
  let served: Awaited<ReturnType<typeof serveCollector>> | undefined;
  after(async () => {
    await served?.app.close();
    await served?.collector.close();
    await fixture.closeAll();
  });

  it('have the same numbers for the last interval as /v1/results', async () => {
    const { port } = await fixture.reflector();
    const text = `
collector: { name: test, interval: 500ms, workers: 1 }
source: { address: 127.0.0.1, ports: 2 }
api: { listen: "127.0.0.1:0" }
groups:
  up: { port: ${port}, period: 10ms, timeout: 50ms, targets: [{ address: 127.0.0.1, tags: { dst_rack: r1 } }] }
  down: { port: 9, period: 10ms, timeout: 50ms, targets: [{ address: 127.0.0.2 }] }
`;
    served = await serveCollector(parseConfig(text, 'test.yaml', {}), silent);
    const { url } = served;
    const get = async (path: string) => (await fetch(url + path)).text();
    const agreeing = async () => {
      const points = goDecode(await get('/influxdata'));
      const latency = JSON.parse(await get('/latency'));
      const last = JSON.parse(await get('/v1/results')).intervals.at(-1);
      return points.length === 2 && points[0].time.getTime() === last?.endMs && { points, latency, rows: last.results };
    };
    const { points, latency, rows } = await waitFor('an interval in all three', agreeing);
    for (const [i, row] of rows.entries()) {
      const { fields, tags } = points[i];
      expect(tags).to.deep.equal({ src_ip: '127.0.0.1', dst_ip: row.target, ...row.tags });
      expect(fields.sent).to.equal(row.sent).and.to.be.greaterThan(0);
      expect(fields.lost).to.equal(row.lost + row.unreachable);
      expect(fields.loss).to.be.closeTo(row.lossPct, 0.0001);
      expect(fields.rtt).to.be.closeTo((row.rttUs?.mean ?? 0) / 1000, 1e-6);
      expect(latency[i].tags.dst_host).to.equal(row.target);
      expect(latency[i].data[0][1]).to.be.closeTo(fields.rtt, 1e-6);
    }
    expect(points.map(({ fields }) => fields.loss)).to.deep.equal([0, 100]);
  });
});

interface GoPoint {
  readonly fields: Readonly<Record<string, number>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly time: Date;
  readonly measurement: string;
}

/**
 * As encoding/json fills LLAMA's DataPoint: map[string]float64, map[string]string, time.Time (RFC 3339 only), string.
 */
function goDecode(text: string): GoPoint[] {
  return (JSON.parse(text) as Record<string, unknown>[]).map((value) => {
    expect(Object.keys(value)).to.deep.equal(['fields', 'tags', 'time', 'measurement']);
    const { fields, tags, time, measurement } = value as Record<string, Record<string, unknown>>;
    for (const number of Object.values(fields)) expect(number).to.be.a('number');
    for (const tag of Object.values(tags)) expect(tag).to.be.a('string');
    expect(time).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
    expect(measurement).to.be.a('string');
    for (const [, number] of text.matchAll(/"(?:loss|lost|rtt|sent)":([^,}]+)/g)) expect(number).to.match(/^\d+\.\d+$/);
    return {
      fields: fields as Record<string, number>,
      tags: tags as Record<string, string>,
      time: new Date(String(time)),
      measurement: String(measurement),
    };
  });
}
