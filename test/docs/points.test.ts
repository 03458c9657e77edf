/** The documents' account of points against the points. */

import { expect } from 'chai';
import { DELIVERY_DEFAULTS, WRITER_DEFAULTS } from '../../src/config/scraper/writerConfig.js';
import { linesOf } from '../../src/scraper/writers/points.js';
import { parseLine, sampleInterval } from '../support/fakes/intervals.js';
import { page } from '../support/harness/documents.js';

const GUIDE = page('docs/guide/scraper.md').text.replaceAll(/\s+/g, ' ');
const REFERENCE = page('docs/reference/line-protocol.md').text;

/** What collectors of this version tell beside the rest. */
const DIRECTIONS = {
  ...{ tooBig: 0, lostForward: 1, lostReverse: 0, lostUnknown: 0, remarked: 0, ceMarks: 0, hopChanges: 0 },
  ...{ forwardUs: { mean: 1, relative: true }, reverseUs: { mean: 1, relative: true } },
};

describe('documents of the scraper', () => {
  it('has every field and tag of a point, and no other', async () => {
    const { rows: sampled, ...interval } = sampleInterval('a', 1, 1);
    const told = [...sampled].map((row) => ({ ...row, ...DIRECTIONS }));
    const [line = ''] = await linesOf([{ ...interval, rows: told }], 'llama', 'ms');
    const { fields, tags } = parseLine(line);
    const [, table = ''] = REFERENCE.split('| field of a point | unit | is |\n| --- | --- | --- |\n');
    const rows = table.slice(0, table.indexOf('\n\n')).split('\n');
    const named = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect(named.sort()).to.deep.equal(Object.keys(fields).sort());
    const [sentence = ''] = /The tags are .*?own\./.exec(GUIDE) ?? [];
    const own = [...sentence.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect([...own, 'dst_rack'].sort()).to.deep.equal(Object.keys(tags).sort());
  });

  it('has the defaults as they are', () => {
    expect(DELIVERY_DEFAULTS).to.include({ spoolMaxBytes: 1024 ** 3, spoolAfterMs: 5000 });
    expect(GUIDE).to.contain('1 GiB for each writer').and.to.contain('After 5 s, waiting intervals');
    expect(WRITER_DEFAULTS).to.include({ maxBytes: 64 * 1024 ** 2, maxAgeMs: 3_600_000 });
    expect(GUIDE).to.contain('after 64 MiB or an hour');
  });
});
