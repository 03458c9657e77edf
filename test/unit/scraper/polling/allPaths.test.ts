import { expect } from 'chai';
import { Breather } from '../../../../src/base/yielding.js';
import { allPaths, type ReachableCollector } from '../../../../src/scraper/polling/allPaths.js';
import { seededRandom } from '../../../support/harness/random.js';

const random = seededRandom(61);

function path(index: number): Record<string, unknown> {
  const lost = random.below(4);
  const rttUs = { min: 1, mean: random.below(1000), max: 1000 };
  return { sourcePort: index, sent: 10, received: 10 - lost, lost, unreachable: 0, rttUs };
}

const worstFirst = (a: Record<string, unknown>, b: Record<string, unknown>): number =>
  Number(b.lost) - Number(a.lost) || (b.rttUs as { mean: number }).mean - (a.rttUs as { mean: number }).mean;

function collector(name: string, get: ReachableCollector['get']): ReachableCollector {
  return { name, url: `http://${name}`, kind: 'collector', clockAheadMs: 0, get };
}

const answer = (body: unknown) => {
  const text = JSON.stringify(body);
  return { body: text, bytes: text.length };
};

const ask = (collectors: readonly ReachableCollector[], limit = 100, timeoutMs = 200) =>
  allPaths(collectors, new URLSearchParams({ limit: String(limit), class: 'ef' }), limit, new Breather(), timeoutMs);

describe('paths of all collectors', () => {
  it('are asked for by the clock of each collector, and say how far theirs is ahead', async () => {
    const asked: string[] = [];
    const get: ReachableCollector['get'] = async (path) => {
      asked.push(new URLSearchParams(path.split('?')[1]).get('at') ?? '');
      return answer({ start: 's', end: 'e', endMs: 5, cursor: 9, clockAheadMs: 10, gap: false, total: 0, paths: [] });
    };
    const query = new URLSearchParams({ limit: '10', at: '1000' });
    const ones = [collector('a', get), { ...collector('b', get), clockAheadMs: 500 }];
    const { collectors } = await allPaths(ones, query, 10, new Breather(), 200);
    expect(asked).to.deep.equal(['1000', '1500']);
    expect(collectors.map(({ cursor, clockAheadMs }) => [cursor, clockAheadMs])).to.deep.equal([
      [9, 10],
      [9, 510],
    ]);
  });

  it('rank unsent probes as failures, and a path with unknown state before healthy ones', async () => {
    const one = (sourcePort: number, counts: object) => ({
      ...{ sourcePort, sent: 0, received: 0, lost: 0, unreachable: 0, tooBig: 0, sendErrors: 0, rttUs: null },
      ...counts,
    });
    const paths = [
      one(1, { sent: 10, received: 10 }),
      one(2, { sent: 9, localDrops: 9 }),
      one(3, { sent: 10, received: 5, lost: 5 }),
      one(4, { sent: 1, received: 1, sendErrors: 99 }),
    ];
    const get: ReachableCollector['get'] = async () => answer({ endMs: 5, total: 4, paths });
    const { paths: worst } = await ask([collector('a', get)]);
    expect(worst.map(({ path: { sourcePort } }) => sourcePort)).to.deep.equal([4, 3, 2, 1]);
  });

  it('are the worst of all of them together, asked of a bounded number at a time', async () => {
    const every: Record<string, unknown>[] = [];
    let open = 0;
    let most = 0;
    const asked: string[] = [];
    const collectors = Array.from({ length: 60 }, (_, i) => {
      const paths = Array.from({ length: random.below(50) }, (_, index) => path(index)).toSorted(worstFirst);
      every.push(...paths);
      return collector(`c${i}`, async (url) => {
        asked.push(url);
        open += 1;
        most = Math.max(most, open);
        await new Promise((resolve) => setTimeout(resolve, 1));
        open -= 1;
        return answer({ start: 's', end: 'e', endMs: 5, gap: false, total: paths.length + 1, paths });
      });
    });
    const found = await ask(collectors, 77);
    expect(most).to.equal(16);
    expect(new Set(asked)).to.deep.equal(new Set(['/v1/paths?limit=77&class=ef']));
    const order = ({ lost, rttUs }: Record<string, unknown>) => `${lost} ${(rttUs as { mean: number }).mean}`;
    expect(found.paths.map((one) => order(one.path))).to.deep.equal(every.toSorted(worstFirst).slice(0, 77).map(order));
    expect(found.collectors.map(({ collector: name }) => name)).to.deep.equal(collectors.map(({ name }) => name));
    expect(found.collectors.reduce((sum, { total }) => sum + total, 0)).to.equal(every.length + 60);
  });

  it('rank unsent and too big probes with lost ones', async () => {
    const unsent = { ...path(0), sent: 0, received: 0, lost: 0, sendErrors: 20, rttUs: null };
    const big = { ...path(1), received: 0, lost: 0, tooBig: 10, rttUs: null };
    const paths = [{ ...path(2), lost: 1 }, big, unsent];
    const found = await ask([collector('a', async () => answer({ start: null, total: 3, paths }))], 2);
    expect(found.paths.map((one) => one.path.sourcePort)).to.have.members([0, 1]);
  });

  it('name the collectors that could not be asked, and show the paths of the others', async () => {
    const good = answer({ start: null, end: null, endMs: null, gap: false, total: 1, paths: [path(0)] });
    const { collectors, paths } = await ask([
      collector('good', async () => good),
      collector('down', async () => {
        throw new Error('connection refused');
      }),
      collector(
        'hangs',
        (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ),
      collector('babbles', async () => answer({ total: 1, paths: [{ sent: 'many' }] })),
      collector('garbage', async () => ({ body: '<html>', bytes: 6 })),
      collector('huge', async () => ({ body: '{}', bytes: 2 ** 30 })),
      { ...collector('old', async () => good), kind: 'llama' },
    ]);
    expect(paths).to.have.length(1);
    expect(collectors.map(({ collector: name, error }) => [name, error?.replace(/[:,].*/s, '')])).to.deep.equal([
      ['good', undefined],
      ['down', 'connection refused'],
      ['hangs', 'no answer within 200 ms'],
      ['babbles', 'found a map at /paths/0'],
      ['garbage', 'found text that is not JSON'],
      ['huge', 'found an answer of 1073741824 bytes'],
      ['old', "Dropbox's LLAMA does not tell paths"],
    ]);
  });

  it('are none when there is no collector', async () => {
    expect(await ask([])).to.deep.equal({ collectors: [], paths: [] });
  });
});
