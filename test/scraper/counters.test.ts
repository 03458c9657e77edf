import { Writable } from 'node:stream';
import { expect } from 'chai';
import { pino } from 'pino';
import { WriteCounters } from '../../src/scraper/counters.js';
import { WriteLater } from '../../src/scraper/writers/later.js';
import { secretOf } from '../../src/scraper/writers/secret.js';

function logged(): { counters: WriteCounters; lines: string[] } {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { counters: new WriteCounters(pino(sink)), lines };
}

describe('the log of a writer that fails', () => {
  it('has one line of a status whose text is another with every answer', () => {
    const { counters, lines } = logged();
    for (let i = 0; i < 50; i++) counters.failed(new WriteLater(`it answered 404: request ${i}`, { status: 404 }), 500);
    expect(lines).to.have.length(1);
    counters.failed(new WriteLater('it answered 503: busy', { status: 503 }), 500);
    expect(lines).to.have.length(2);
    expect(counters.lastError).to.equal('it answered 503: busy');
  });

  it('has no stack of a token file that is missing', async () => {
    const { counters, lines } = logged();
    const error: unknown = await secretOf(undefined, '/nonexistent/token', 'token').catch((reason: unknown) => reason);
    counters.failed(error, 500);
    expect(lines[0]).to.include('the token file /nonexistent/token cannot be read').and.not.to.include('stack');
  });
});
