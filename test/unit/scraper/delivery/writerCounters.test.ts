import { Writable } from 'node:stream';
import { expect } from 'chai';
import { pino } from 'pino';
import { WriteCounters } from '../../../../src/scraper/delivery/writerCounters.js';
import { InfluxWriter } from '../../../../src/scraper/writers/influx.js';
import { WriteLater } from '../../../../src/scraper/writers/retryableError.js';
import { sampleInterval } from '../../../support/fakes/intervals.js';

const never = new AbortController().signal;

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
    const config = { kind: 'influx2', url: 'http://127.0.0.1:1', org: 'o', bucket: 'b' } as const;
    const writer = new InfluxWriter({ ...config, tokenFile: '/tmp/nonexistent/token' }, 'test');
    const error: unknown = await writer.write([sampleInterval('a', 1)], never).catch((reason: unknown) => reason);
    await writer.close();
    counters.failed(error, 500);
    expect(lines[0])
      .to.include('/tmp/nonexistent/token: found no token file that can be read (ENOENT')
      .and.not.to.include('stack');
  });
});
