/**
 * `npm run docs`: writes the generated pages. With `--check` it writes nothing and ends with 1 when a page differs from what it would write,
 * when the order of the manual is not that of its pages, or when a link or a named file does not exist; it names them.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { documentProblems } from './documents.js';
import { generatedPages, outdatedPages } from './pages.js';
import { root } from './root.js';
import { navProblems, pagesOf, readNav } from './site/nav.js';

const check = process.argv.includes('--check');
const pages = await generatedPages();
const outdated = outdatedPages(pages, root);
if (check) {
  const problems = [
    ...outdated.map((path) => `${path} is out of date; run "npm run docs" and commit it`),
    ...navProblems(readNav(root), pagesOf(root)),
    ...documentProblems(root),
  ];
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} else {
  mkdirSync(new URL('docs/reference/', root), { recursive: true });
  for (const path of outdated) {
    writeFileSync(new URL(path, root), pages.get(path) ?? '');
    process.stdout.write(`${path}\n`);
  }
}
