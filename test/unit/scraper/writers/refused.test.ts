import { expect } from 'chai';
import { type Refusal, RefusedForAnotherReason, sendAll } from '../../../../src/scraper/writers/refused.js';
import { seededRandom } from '../../../support/harness/random.js';

const linesFrom = (count: number): string[] => Array.from({ length: count }, (_, index) => `m,t=${index} f=1 1`);

/** A database that takes a request whole or not at all. */
function strict(bad: ReadonlySet<string>, answer: (part: readonly string[]) => Refusal) {
  const taken = new Set<string>();
  let requests = 0;
  return {
    taken,
    get requests() {
      return requests;
    },
    send: async (part: readonly string[]): Promise<Refusal | undefined> => {
      requests++;
      if (part.some((line) => bad.has(line))) return answer(part);
      for (const line of part) taken.add(line);
      return undefined;
    },
  };
}
const refusal = (message: string, status = 400, body = ''): Refusal => ({ status, message, body });

describe('lines that a database refuses', () => {
  it('are found one by one, and all others are written: random bad points in random batches', async () => {
    const random = seededRandom(11);
    for (let round = 0; round < 300; round++) {
      const lines = linesFrom(1 + random.below(400));
      const bad = new Set(lines.filter(() => random.below(40) === 0));
      const database = strict(bad, () => refusal('partial write: field type conflict', 422));
      const { written, rejected } = await sendAll(lines, 1 + random.below(150), database.send);
      expect(rejected).to.equal(bad.size);
      expect(written).to.equal(lines.length - bad.size);
      expect(database.taken).to.deep.equal(new Set(lines.filter((line) => !bad.has(line))));
    }
  });

  it('need no search when the answer names them', async () => {
    const lines = linesFrom(5000);
    const bad = new Set([lines[3] ?? '', lines[4000] ?? '']);
    const message = [...bad].map((line) => `unable to parse '${line}': missing fields`).join('\n');
    const database = strict(bad, () => refusal(message));
    expect(await sendAll(lines, 5000, database.send)).to.deep.equal({
      written: 4998,
      rejected: 2,
      reasons: message.split('\n'),
    });
    expect(database.requests).to.equal(2);
  });

  it('need no search when the answer has their numbers, as InfluxDB 3 writes them', async () => {
    const lines = linesFrom(100);
    const bad = new Set([lines[7] ?? '']);
    const body = JSON.stringify({
      error: 'partial write of line protocol occurred',
      data: [{ original_line: 'm', line_number: 8, error_message: 'invalid column type' }],
    });
    const database = strict(bad, () => refusal('partial write of line protocol occurred', 400, body));
    const { written, rejected, reasons } = await sendAll(lines, 5000, database.send);
    expect({ written, rejected }).to.deep.equal({ written: 99, rejected: 1 });
    expect(reasons[0]).to.contain('invalid column type');
    expect(database.requests).to.equal(2);
  });

  it('are given up at once when the answer says that it dropped every one of them', async () => {
    const lines = linesFrom(5000);
    const database = strict(new Set(lines), (part) =>
      refusal(`partial write: points beyond retention policy dropped=${part.length}`),
    );
    const { written, rejected } = await sendAll(lines, 5000, database.send);
    expect({ written, rejected, requests: database.requests }).to.deep.equal({
      written: 0,
      rejected: 5000,
      requests: 1,
    });
  });

  it('are halved when the request is too large', async () => {
    const lines = linesFrom(1000);
    let largest = 0;
    const { written, rejected } = await sendAll(lines, 1000, async (part) => {
      if (part.length > 100) return refusal('', 413);
      largest = Math.max(largest, part.length);
      return undefined;
    });
    expect({ written, rejected }).to.deep.equal({ written: 1000, rejected: 0 });
    expect(largest).to.be.within(50, 100);
  });

  for (const count of [1, 3, 5000]) {
    it(`are not given up when all of ${count} are refused and nothing says that they are why: a wrong parameter must not lose them`, async () => {
      let requests = 0;
      const error = await sendAll(linesFrom(count), 5000, async () => {
        requests++;
        return refusal('Please provide either orgID or org');
      }).catch((error: unknown) => error);
      expect(error).to.be.instanceOf(RefusedForAnotherReason);
      expect(requests).to.be.at.most(24);
    });
  }

  it('pass on that the database went away in between', async () => {
    let requests = 0;
    const error = await sendAll(linesFrom(10), 5, async () => {
      if (++requests === 2) throw new Error('away');
      return undefined;
    }).catch((error: unknown) => error);
    expect(error).to.have.property('message', 'away');
  });
});
