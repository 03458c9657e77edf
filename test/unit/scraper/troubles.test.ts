import { expect } from 'chai';
import type { CollectorState, WriterStatus } from '../../../src/contract/scraperStatus.js';
import { Troubles } from '../../../src/scraper/troubles.js';
import { FakeScraper } from '../../support/fakes/fakeScraper.js';

const { collectors, writers } = new FakeScraper().status();
const UP: CollectorState = { ...collectors[0], resets: 0, lostIntervals: 0 };
const WRITER: WriterStatus = { ...writers[0], rejected: 0 };
const MEMORY = { duplicates: 0, tooOld: 0, ahead: 0, seriesWithoutRoom: 0, leftOut: 0, unreadableHistograms: 0 };

describe('troubles of a scraper', () => {
  it('says nothing when all is well', () => {
    expect(new Troubles(() => MEMORY).warnings({ collectors: [UP], writers: [WRITER] })).to.deep.equal([]);
  });

  it('says how many collectors are down and how many writers fail, with an example, since when and why', () => {
    const down: CollectorState = { ...UP, url: 'http://b:5000', state: 'down', lastError: 'ECONNREFUSED' };
    const nine = Array.from({ length: 9 }, () => down);
    const failing: WriterStatus = { ...WRITER, up: false, lastError: '503: busy' };
    expect(new Troubles().warnings({ collectors: [UP, ...nine], writers: [failing] })).to.deep.equal([
      `9 of 10 collectors are down, for example http://b:5000 (last answer ${UP.lastSuccess}): ECONNREFUSED`,
      `1 of 1 writers fail, for example ${WRITER.name} (last write ${new Date(WRITER.lastSuccessMs ?? 0).toISOString()}): 503: busy; results wait in the spool`,
    ]);
  });

  it('says that a collector or writer never worked', () => {
    const down: CollectorState = { ...UP, state: 'down', lastSuccess: null, lastError: 'EHOSTUNREACH' };
    const failing: WriterStatus = { ...WRITER, up: false, lastSuccessMs: null, lastError: '401' };
    const said = new Troubles().warnings({ collectors: [down], writers: [failing] });
    expect(said[0]).to.include('(no answer yet): EHOSTUNREACH');
    expect(said[1]).to.include('(no write yet): 401');
  });

  it('says that a collector answers and is not followed', () => {
    const behind: CollectorState = { ...UP, state: 'behind', lagIntervals: 25 };
    expect(new Troubles().warnings({ collectors: [UP, behind], writers: [] })).to.deep.equal([
      `1 of 2 collectors have more than 10 intervals that are not fetched, for example ${UP.url}: 25`,
    ]);
  });

  it('reports recent growth over all collectors, writers and the memory, and stops reporting it', () => {
    let memory = MEMORY;
    const troubles = new Troubles(() => memory);
    const look = (lost: number, rejected: number) => ({
      collectors: [UP, { ...UP, url: 'http://b:5000', lostIntervals: lost }],
      writers: [{ ...WRITER, rejected }],
    });
    troubles.compare(look(0, 0));
    memory = { ...MEMORY, ahead: 4 };
    const said = troubles.warnings(look(12, 3));
    expect(said.map((text) => text.replace(/, since .*?Z/, ''))).to.deep.equal([
      'lostIntervals: 12 intervals of collectors are lost; lastGaps says from when to when, and why',
      'rejected: 3 points were refused by a database for what they are; rejectedReasons says why',
      'ahead: 4 intervals end in the future; the matrix does not show them; check the clocks of the collectors and of this host',
    ]);
    for (let i = 0; i < 3; i++) troubles.compare(look(12, 3));
    expect(troubles.warnings(look(12, 3))).to.deep.equal([]);
  });

  it('hides nothing when a collector that lost more is removed, and counts it from 0 when it is back', () => {
    const troubles = new Troubles();
    const of = (url: string, lostIntervals: number): CollectorState => ({ ...UP, url, lostIntervals });
    const look = (...list: readonly CollectorState[]) => ({ collectors: list, writers: [] });
    for (let i = 0; i < 3; i++) troubles.compare(look(of('http://a:5000', 1000), of('http://b:5000', 0)));
    expect(troubles.warnings(look(of('http://b:5000', 0)))).to.deep.equal([]);
    expect(troubles.warnings(look(of('http://b:5000', 5)))[0]).to.match(/^lostIntervals: 5 /);
    expect(troubles.warnings(look(of('http://b:5000', 5), of('http://a:5000', 2)))[0]).to.match(/^lostIntervals: 7 /);
  });
});
