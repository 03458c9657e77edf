/** The generated pages: as the generator makes them, and without a field that nobody described. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { generatedPages, outdatedPages } from '../../docs/tools/pages.js';
import { program } from '../../src/cli/program.js';
import { commandModels } from '../../src/cli/shared/commandModel.js';

const ROOT = new URL('../../../', import.meta.url);
const GENERATOR = fileURLToPath(new URL('../../docs/tools/reference.js', import.meta.url));
const RUN = 'npm run docs';

/** The headings of a page as the anchors that links to them have. */
function anchors(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('generated reference pages', () => {
  let pages: Map<string, string>;

  before(async () => {
    pages = await generatedPages();
  });

  it('are all there and up to date', () => {
    expect(outdatedPages(pages, ROOT), RUN).to.deep.equal([]);
    const names = [
      'cli',
      'options',
      'group',
      'scraper-options',
      'rest-api',
      'result-fields',
      'counters',
      'errors',
      'metrics',
    ];
    expect([...pages.keys()]).to.deep.equal(names.map((name) => `docs/reference/${name}.md`));
  });

  it('are the same each time', async () => {
    expect([...(await generatedPages())]).to.deep.equal([...pages]);
  });

  it('pass "npm run check", which runs the generator with --check', () => {
    const { scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));
    expect(scripts.check).to.match(/ && node dist\/docs\/tools\/reference\.js --check$/);
    const { status, stderr } = spawnSync(process.execPath, [GENERATOR, '--check'], { encoding: 'utf8' });
    expect([status, stderr]).to.deep.equal([0, '']);
  });

  it('are named when they are absent or differ', () => {
    const directory = mkdtempSync(join(tmpdir(), 'llama-docs-'));
    try {
      mkdirSync(join(directory, 'docs/reference'), { recursive: true });
      for (const [path, text] of pages) writeFileSync(join(directory, path), text);
      writeFileSync(join(directory, 'docs/reference/cli.md'), '# Command line\n');
      rmSync(join(directory, 'docs/reference/errors.md'));
      const outdated = outdatedPages(pages, pathToFileURL(`${directory}/`));
      expect(outdated).to.deep.equal(['docs/reference/cli.md', 'docs/reference/errors.md']);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('describe every option, field, counter, metric and key', () => {
    for (const [path, text] of pages)
      for (const block of text.split('\n\n').filter((part) => part.startsWith('| '))) {
        const [header, , ...rows] = block.split('\n').map((line) => line.slice(2, -2).split(' | '));
        const column = header.findIndex((name) => /^(meaning|expected|does|title|says|answer)/.test(name));
        for (const cells of rows) expect(cells[column], `${path}: ${cells[0]}`).to.match(/\S/);
      }
  });

  it('link only to headings that are there', () => {
    for (const [path, text] of pages)
      for (const [, file, anchor] of text.matchAll(/\]\(([\w-]*\.md)?#([^)]+)\)/g)) {
        const target = file === undefined ? text : (pages.get(`docs/reference/${file}`) ?? '');
        expect(anchors(target), `${path}: ${file ?? ''}#${anchor}`).to.include(anchor);
      }
  });

  it('have every command with every option, and no default twice', () => {
    const cli = pages.get('docs/reference/cli.md') ?? '';
    for (const { name, options } of commandModels(program(async () => {}))) {
      const section = cli.slice(cli.indexOf(`\n## llama ${name}\n`)).split('\n## ')[1];
      for (const { flags } of options) expect(section).to.include(`| \`${flags}\` | `);
    }
    expect(cli).not.to.match(/\(default[: ]/);
  });
});
