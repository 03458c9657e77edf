import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { parseScraperConfig } from '../../../src/config/scraper/config.js';
import type { CollectorList } from '../../../src/config/scraper/types.js';
import { Scraper } from '../../../src/scraper/scraper.js';
import { CollectorServer, FastTiming, MapPositions, RecordingDelivery } from '../../support/fakes/scraped.js';
import { waitFor } from '../../support/harness/wait.js';

const FACTOR = 20;
const T = 1_763_700_000_000;

describe('a scraper', () => {
  let timing: FastTiming;
  let delivery: RecordingDelivery;
  let folder: string;
  let scraper: Scraper;
  let logged: { readonly msg: string; readonly [key: string]: unknown }[];
  let positions: MapPositions;
  let saved: (number | undefined)[];
  const collectors: CollectorServer[] = [];

  beforeEach(() => {
    timing = new FastTiming(FACTOR);
    delivery = new RecordingDelivery();
    folder = mkdtempSync(join(tmpdir(), 'llama-scraper-'));
    logged = [];
    positions = new MapPositions();
    saved = [];
  });
  afterEach(async () => {
    delivery.release();
    await scraper.close();
    await Promise.all(collectors.splice(0).map((collector) => collector.close()));
    rmSync(folder, { recursive: true });
  });

  async function collector(name: string): Promise<CollectorServer> {
    const one = await CollectorServer.start(timing);
    one.name = name;
    one.run(0);
    collectors.push(one);
    return one;
  }

  const listOf = (text: string): CollectorList =>
    parseScraperConfig(`writers: []\ncollectors: ${text}`, 'c.yaml', {}).config.collectors;
  const listed = (...all: CollectorServer[]): string => JSON.stringify(all.map(({ url }) => url));
  const file = (): string => join(folder, 'collectors.json');
  function write(...all: CollectorServer[]): void {
    const targets = all.map(({ url }) => url.replace('http://', ''));
    writeFileSync(`${file()}.new`, JSON.stringify([{ targets }]));
    renameSync(`${file()}.new`, file());
  }

  function start(text: string): Scraper {
    const { config } = parseScraperConfig(`writers: []\ncollectors: ${text}`, 'c.yaml', {});
    scraper = new Scraper(config, {
      logger: pino({ base: null }, { write: (line: string) => logged.push(JSON.parse(line)) }),
      sinks: {
        delivery,
        positions,
        status: () => [],
        close: async () => delivery.release(),
        save: async () => {
          saved = collectors.map(({ url }) => positions.get(url));
        },
      },
      timing,
    });
    scraper.start();
    return scraper;
  }

  const urls = (): string[] => scraper.status().collectors.map(({ url }) => url);
  const gets = (name: string, count: number): Promise<true> =>
    waitFor(`${count} intervals of ${name}`, () => delivery.ends(name).length >= count, 10_000) as Promise<true>;

  it('hands every interval over, and tells listeners of it once; one that throws does no harm', async () => {
    const [a, b] = [await collector('a'), await collector('b')];
    start(listed(a, b));
    const told: string[] = [];
    scraper.onInterval(() => {
      throw new Error('not my day');
    });
    const end = scraper.onInterval((interval) => {
      told.push(`${interval.collector} ${interval.endMs}`);
    });
    await Promise.all([gets('a', 3), gets('b', 3)]);
    expect(told).to.deep.equal(delivery.delivered.map((interval) => `${interval.collector} ${interval.endMs}`));
    expect(logged.some(({ msg }) => msg === 'a listener failed')).to.equal(true);
    end();
    const { length } = told;
    await gets('a', delivery.ends('a').length + 1);
    expect(told).to.have.length(length);
    expect(new Set(told).size).to.equal(length);
  });

  it('adds and removes collectors while others go on untouched', async () => {
    const [a, b, c] = [await collector('a'), await collector('b'), await collector('c')];
    start(listed(a, b));
    await Promise.all([gets('a', 1), gets('b', 1)]);
    const polls = scraper.status().collectors[0].polls;
    expect(scraper.follow(listOf(listed(a, c)))).to.deep.equal({ added: [c.url], changed: [], removed: [b.url] });
    expect(urls()).to.deep.equal([a.url, c.url]);
    await gets('c', 2);
    const { length } = b.asked;
    await gets('c', 4);
    expect(b.asked).to.have.length(length);
    expect(scraper.status().collectors[0].polls).to.be.greaterThan(polls);
    expect(delivery.ends('a').length).to.equal(new Set(delivery.ends('a')).size);
  });

  it('goes on where it stopped with a collector that is asked otherwise, or comes back', async () => {
    const a = await collector('a');
    const token = join(folder, 'token');
    writeFileSync(token, 'secret');
    start(listed(a));
    await gets('a', 2);
    expect(scraper.follow(listOf(`[ { url: "${a.url}", tokenFile: "${token}" } ]`)).changed).to.deep.equal([a.url]);
    await gets('a', 4);
    expect(a.asked.at(-1)?.headers.authorization).to.equal('Bearer secret');
    const b = await collector('b');
    scraper.follow(listOf(listed(b)));
    await gets('b', 1);
    scraper.follow(listOf(listed(b, a)));
    await gets('a', 6);
    const ends = delivery.ends('a');
    for (const [i, endMs] of ends.entries()) expect(endMs).to.equal(ends[0] + i * 1000);
  });

  it('follows a file of collectors, and keeps the last good ones whatever is wrong with it', async () => {
    const [a, b] = [await collector('a'), await collector('b')];
    write(a);
    start(`{ fromFile: { path: "${file()}" } }`);
    await gets('a', 1);
    expect(scraper.status().source).to.deep.include({ source: 'file', collectors: 1, error: null, warnings: [] });
    write(a, b);
    await gets('b', 1);
    writeFileSync(file(), '[{');
    const error = await waitFor('an error', () => scraper.status().source?.error ?? undefined);
    expect(error).to.include('collectors.json');
    expect(scraper.status().source?.ageMs).to.be.at.least(0);
    expect(scraper.status().warnings.join()).to.include('the collectors are not up to date');
    expect(urls()).to.deep.equal([a.url, b.url]);
    writeFileSync(file(), '[]');
    await waitFor('another error', () =>
      /without any collector, .*the last collectors stay/.test(scraper.status().source?.error ?? ''),
    );
    expect(urls()).to.have.length(2);
    write(b);
    await waitFor('a is gone', () => urls().length === 1);
    expect(scraper.status().source?.error).to.equal(null);
  });

  it('warns of a URL of the API in a file of collectors, and asks the others', async () => {
    const a = await collector('a');
    const { host } = new URL(a.url);
    const targets = [host, 'http://127.0.0.1:1/v1/results', '127.0.0.1:2/influxdata'];
    writeFileSync(file(), JSON.stringify([{ targets }]));
    start(`{ fromFile: { path: "${file()}" } }`);
    await gets('a', 1);
    expect(urls()).to.deep.equal([a.url]);
    const { source, warnings } = scraper.status();
    expect(source?.error).to.equal(null);
    for (const [i, text] of (source?.warnings ?? []).entries())
      expect(text).to.match(
        new RegExp(
          `/0/targets/${i + 1}: found the path of an API .*; write it without the path .*, such as 10.0.0.1:5000$`,
        ),
      );
    expect(source?.warnings).to.have.length(2);
    expect(warnings.join('\n')).to.include('found the path of an API');
  });

  it('keeps its collectors until another source has given its own', async () => {
    const [a, b] = [await collector('a'), await collector('b')];
    start(listed(a));
    await gets('a', 1);
    scraper.follow(listOf(`{ fromFile: { path: "${file()}" } }`));
    await waitFor('it cannot be read', () => scraper.status().source?.error !== null);
    expect(urls()).to.deep.equal([a.url]);
    write(b);
    await waitFor('b', () => urls()[0] === b.url, 10_000);
    scraper.follow(listOf(listed(a)));
    expect(urls()).to.deep.equal([a.url]);
    expect(scraper.status().source).to.equal(null);
  });

  it('warns of two addresses with collectors of the same name', async () => {
    const [a, b] = [await collector('same'), await collector('same')];
    start(listed(a, b));
    await gets('same', 2);
    const [warning] = await waitFor('the warning', () => {
      const { warnings } = scraper.status();
      return warnings.length > 1 && warnings;
    });
    expect(warning).to.match(/^same \(http.*, http.*\): several collectors have the same name/);
    expect(logged.find(({ msg }) => /same name/.test(msg))).to.deep.include({
      name: 'same',
      urls: [a.url, b.url].sort(),
    });
  });

  it('at the end asks nothing more, closes the writers, and saves how far all is safe', async () => {
    const a = await CollectorServer.start(timing);
    collectors.push(a);
    a.finish(T + 1000);
    delivery.holding = true;
    start(listed(a));
    await waitFor('it is being handed over', () => delivery.delivered.length === 1);
    expect(positions.get(a.url)).to.equal(undefined);
    const closing = scraper.close();
    expect(scraper.status().state).to.equal('stopping');
    await closing;
    expect(saved).to.deep.equal([a.newestCursor]);
  });
});
