/** Links in the documents: each leads to a file or folder of the repository, and to a heading that the page has. */

import { existsSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { expect } from 'chai';
import { allPages, anchors, links, manual, page } from '../support/harness/documents.js';

const ROOT = new URL('../../../', import.meta.url);
/** Addresses of other servers are not asked. */
const ELSEWHERE = /^(https?|mailto):/;
const MOST_README_BYTES = 10 * 1024;

describe('documents', () => {
  it('have no dead link and no dead anchor', () => {
    const dead: string[] = [];
    let checked = 0;
    for (const from of allPages())
      for (const { to, line } of links(from)) {
        if (ELSEWHERE.test(to)) continue;
        checked++;
        const [file, anchor] = to.split('#');
        const path = file === '' ? from.path : posix.join(posix.dirname(from.path), decodeURI(file));
        const url = new URL(path, ROOT);
        const there = !path.startsWith('..') && existsSync(url);
        if (!there) dead.push(`${from.path}:${line}: ${to}: no such file`);
        else if (anchor !== undefined && (statSync(url).isDirectory() || !anchors(page(path)).has(anchor)))
          dead.push(`${from.path}:${line}: ${to}: no such heading`);
      }
    expect(dead, dead.join('\n')).to.deep.equal([]);
    expect(checked).to.be.at.least(150);
  });

  it('lead to every page of docs/ from README.md', () => {
    const reached = new Set(['README.md']);
    const pages = new Map(manual().map((one) => [one.path, one]));
    for (const path of reached) {
      const from = pages.get(path);
      if (from === undefined) continue;
      for (const { to } of links(from)) {
        const target = posix.join(posix.dirname(path), to.split('#')[0]);
        if (target.endsWith('/')) for (const one of pages.keys()) if (one.startsWith(target)) reached.add(one);
        reached.add(target);
      }
    }
    expect([...pages.keys()].filter((path) => !reached.has(path))).to.deep.equal([]);
  });

  it('have a README.md of at most 10 KB', () => {
    expect(Buffer.byteLength(page('README.md').text)).to.be.at.most(MOST_README_BYTES);
  });

  it('name files and folders that exist', () => {
    const missing = manual().flatMap(({ path, text }) =>
      [...text.matchAll(/`((?:src|workers|test|perf|config)\/[\w./-]*\w)`/g)]
        .map(([, name]) => name)
        .filter((name) => !existsSync(new URL(name, ROOT)))
        .map((name) => `${path}: ${name}`),
    );
    expect(missing, missing.join('\n')).to.deep.equal([]);
  });

  it('name source files by their whole path', () => {
    const bare = [...manual(), page('CONTRIBUTING.md')].flatMap(({ path, text }) =>
      [...text.matchAll(/`([\w./-]+\.tsx?)`/g)]
        .map(([, name]) => name)
        .filter((name) => !existsSync(new URL(name, ROOT)))
        .map((name) => `${path}: ${name}`),
    );
    expect(bare, bare.join('\n')).to.deep.equal([]);
  });
});
