/** Links in the documents, and the files that they name. */

import { posix } from 'node:path';
import { expect } from 'chai';
import {
  allPages,
  anchorsOf,
  documentProblems,
  linkProblems,
  linksOf,
  namedFileProblems,
} from '../../docs/tools/documents.js';
import { root } from '../../docs/tools/root.js';
import { manual, page } from '../support/harness/documents.js';

const MOST_README_BYTES = 10 * 1024;

describe('documents', () => {
  it('have no dead link or anchor, and name only files that exist', () => {
    expect(documentProblems(root)).to.deep.equal([]);
    expect(allPages(root).flatMap(linksOf)).to.have.length.at.least(200);
  });

  it('lead to every page of docs/ from README.md', () => {
    const reached = new Set(['README.md']);
    const pages = new Map(manual().map((one) => [one.path, one]));
    for (const path of reached) {
      const from = pages.get(path);
      if (from === undefined) continue;
      for (const { to } of linksOf(from)) reached.add(posix.join(posix.dirname(path), to.split('#')[0]));
    }
    expect([...pages.keys()].filter((path) => !reached.has(path))).to.deep.equal([]);
  });

  it('have a README.md of at most 10 KB', () => {
    expect(Buffer.byteLength(page('README.md').text)).to.be.at.most(MOST_README_BYTES);
  });
});

describe('check of the documents', () => {
  const files = new Map([
    ['docs/a.md', '# A\n\n## Over `x`, twice\n\n## Over x, twice\n'],
    ['src/x.ts', ''],
    ['docs', ''],
  ]);
  const repository = {
    has: (path: string): boolean => files.has(path),
    textOf: (path: string): string | undefined => (path.endsWith('.md') ? files.get(path) : undefined),
  };
  const problems = (text: string): string[] => linkProblems([{ path: 'docs/b.md', text }], repository);

  it('finds links to files and headings that do not exist, with their line', () => {
    expect(problems('# B\n[a](a.md) [b](c.md)')).to.deep.equal(['docs/b.md:2 links to c.md, which does not exist']);
    expect(problems('[a](a.md#a) [b](a.md#b)')).to.deep.equal([
      'docs/b.md:1 links to a.md#b, a heading that does not exist',
    ]);
    expect(problems('[a](../src/x.ts) [b](../src/x.ts#a) [c](../docs/)')).to.have.length(1);
  });

  it('takes no link from code, and none to other servers', () => {
    expect(problems('`[a](c.md)` [b](https://example.net/c)\n\n```text\n[a](c.md)\n```\n')).to.deep.equal([]);
  });

  it('knows the anchors of GitHub, a repeated one with a number', () => {
    expect([...anchorsOf({ text: files.get('docs/a.md') ?? '' })]).to.deep.equal([
      'a',
      'over-x-twice',
      'over-x-twice-1',
    ]);
  });

  it('finds names of files that do not exist, and source files without their folder', () => {
    const text = '`src/x.ts` `src/y.ts` `x.ts` `llama.yaml` `/v1/results`';
    const [first, second, ...others] = namedFileProblems([{ path: 'docs/b.md', text }], repository);
    expect(first).to.include('names src/y.ts');
    expect(second).to.include('names x.ts');
    expect(others).to.deep.equal([]);
  });
});
