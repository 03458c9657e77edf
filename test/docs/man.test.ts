/** The man pages as man shows them, and the files that the package carries for them. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { manPages } from '../../docs/tools/man.js';
import { program } from '../../src/cli/program.js';
import { commandModels } from '../../src/cli/shared/commandModel.js';
import { needs } from '../support/harness/needs.js';

const ROOT = new URL('../../../', import.meta.url);
const commands = commandModels(program(async () => {}));

describe('man pages', () => {
  const pages = manPages(commands);
  let directory: string;

  before(function () {
    needs(this, 'man');
    directory = mkdtempSync(join(tmpdir(), 'llama-man-'));
    for (const [name, text] of pages) writeFileSync(join(directory, name), text);
  });
  after(() => {
    if (directory !== undefined) rmSync(directory, { recursive: true });
  });

  /** A page as it is shown, without line breaks; man must warn of nothing. */
  function shown(name: string): string {
    const { status, stdout, stderr } = spawnSync('man', ['--warnings=w', '-l', join(directory, name)], {
      encoding: 'utf8',
      env: { ...process.env, MANWIDTH: '500', LC_ALL: 'C.UTF-8', MANPAGER: 'cat' },
    });
    expect([status, stderr], name).to.deep.equal([0, '']);
    return stdout.replaceAll(/\s+/g, ' ');
  }

  it('are one for llama and one for each command', () => {
    expect([...pages.keys()]).to.deep.equal(['llama.1', ...commands.map(({ name }) => `llama-${name}.1`)]);
    const overview = shown('llama.1');
    for (const { name } of commands) expect(overview).to.include(`llama-${name}(1)`);
  });

  for (const { name, options, notes } of commands)
    it(`llama-${name}(1) has options, exit status, examples and variables`, () => {
      const text = shown(`llama-${name}.1`);
      for (const { flags } of options) expect(text).to.include(flags.replaceAll(/[<>]/g, ''));
      for (const [code, meaning] of notes?.exitCodes ?? [])
        expect(text).to.include(` ${code} ${meaning[0].toUpperCase()}`);
      for (const example of notes?.examples ?? []) expect(text).to.include(example);
      for (const { option } of notes?.options ?? []) expect(text).to.include(option.env);
    });

  it('keep what would be a macro or an escape as text', () => {
    const odd = { ...commands[0], notes: { about: ['.SH no heading', "'\\fB no macro"], exitCodes: [], examples: [] } };
    const text = manPages([odd]).get(`llama-${odd.name}.1`);
    expect(text).to.include('\\&.SH no heading').and.include("\\&'\\efB no macro");
  });

  it('are in the package, where npm and distributions look for them', () => {
    const { files, man, scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));
    expect(files).to.include('dist/share');
    // npm links only the pages of this list beside a program that it installs for all.
    expect(man).to.deep.equal([...pages.keys()].map((name) => `dist/share/man/man1/${name}`));
    expect(scripts.build).to.include('node dist/docs/tools/share.js');
  });
});
