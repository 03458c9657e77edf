/**
 * `npm run docs`: writes the generated pages. With `--check` it writes nothing, names the pages that differ from what it would write, and
 * ends with 1 when there is one.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { generatedPages, outdatedPages } from './pages.js';
import { root } from './root.js';

const check = process.argv.includes('--check');
const pages = await generatedPages();
const outdated = outdatedPages(pages, root);
if (check) {
  for (const path of outdated) process.stderr.write(`${path} is out of date; run "npm run docs" and commit it\n`);
  process.exitCode = outdated.length === 0 ? 0 : 1;
} else {
  mkdirSync(new URL('docs/reference/', root), { recursive: true });
  for (const path of outdated) {
    writeFileSync(new URL(path, root), pages.get(path) ?? '');
    process.stdout.write(`${path}\n`);
  }
}
