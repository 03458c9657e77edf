import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { SYSTEM_TIMING } from '../../../src/base/timing.js';
import { FileSource } from '../../../src/targets/file.js';
import { rejection } from '../../support/fakes/timing.js';
import { waitFor } from '../../support/harness/wait.js';

const list = (...targets: string[]): string => JSON.stringify([{ targets }]);

describe('targets from a file', () => {
  let folder: string;
  let path: string;
  let source: FileSource;
  let changes: number;
  let end: () => void;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-file-'));
    path = join(folder, 'targets.json');
    changes = 0;
    follow(path);
  });
  afterEach(() => {
    end();
    rmSync(folder, { recursive: true });
  });

  function follow(file: string): void {
    source = new FileSource(file, SYSTEM_TIMING);
    end = source.watch(() => {
      changes++;
    });
  }
  const addresses = async (): Promise<string[]> => (await source.ask()).entries.map(({ address }) => address);
  /** Waits for a change to be noticed and reads what is there then. */
  async function afterChange(change: () => void): Promise<string[]> {
    const before = changes;
    change();
    await waitFor('the change is noticed', () => changes > before, 1_000);
    return addresses();
  }

  it('are read again when the file is written in place', async () => {
    writeFileSync(path, list('10.0.0.1'));
    expect(await addresses()).to.deep.equal(['10.0.0.1']);
    expect(await afterChange(() => writeFileSync(path, list('10.0.0.2')))).to.deep.equal(['10.0.0.2']);
  });

  it('are noticed again and again when the file is replaced by a rename', async () => {
    writeFileSync(path, list('10.0.0.1'));
    await addresses();
    for (const address of ['10.0.0.2', '10.0.0.3', '10.0.0.4']) {
      const next = join(folder, 'next');
      const found = await afterChange(() => {
        writeFileSync(next, list(address));
        renameSync(next, path);
      });
      expect(found).to.deep.equal([address]);
    }
  });

  it('are noticed when a link on the way is swapped, as Kubernetes does for a ConfigMap', async () => {
    const version = (name: string, address: string): void => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'targets.json'), list(address));
      symlinkSync(name, join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    version('..1', '10.0.0.1');
    symlinkSync('..data/targets.json', path);
    expect(await addresses()).to.deep.equal(['10.0.0.1']);
    expect(await afterChange(() => version('..2', '10.0.0.2'))).to.deep.equal(['10.0.0.2']);
    expect(await afterChange(() => version('..3', '10.0.0.3'))).to.deep.equal(['10.0.0.3']);
  });

  it('are noticed when a link leads to another folder and the file changes there', async () => {
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'real.json'), list('10.0.0.1'));
    mkdirSync(join(folder, 'here'));
    end();
    follow(join(folder, 'here', 'targets.json'));
    symlinkSync('../elsewhere/real.json', join(folder, 'here', 'targets.json'));
    expect(await addresses()).to.deep.equal(['10.0.0.1']);
    const found = await afterChange(() => writeFileSync(join(elsewhere, 'real.json'), list('10.0.0.2')));
    expect(found).to.deep.equal(['10.0.0.2']);
  });

  it('are found in a folder that is created later, and in one that is recreated', async () => {
    end();
    const inner = join(folder, 'later');
    path = join(inner, 'targets.json');
    follow(path);
    expect((await rejection(source.ask())).message).to.match(/later\/targets\.json: there is no such file/);
    mkdirSync(inner);
    writeFileSync(path, list('10.0.0.1'));
    expect(await addresses()).to.deep.equal(['10.0.0.1']);
    rmSync(inner, { recursive: true });
    mkdirSync(inner);
    writeFileSync(path, list('10.0.0.2'));
    expect(await addresses()).to.deep.equal(['10.0.0.2']);
    expect(await afterChange(() => writeFileSync(path, list('10.0.0.3')))).to.deep.equal(['10.0.0.3']);
  });

  it('names the file and the problem in an error', async () => {
    for (const [text, why] of [
      ['[{"targets": ["10.0.', /targets\.json: line 1/],
      ['', /targets\.json: found nothing, expected a list/],
      [Buffer.from([0xff, 0xfe, 0xff]), /targets\.json: it is not UTF-8 text/],
      [Buffer.alloc(16 * 2 ** 20 + 1, ' '), /targets\.json: found 16777217 bytes, expected at most 16777216/],
    ] as const) {
      writeFileSync(path, text);
      expect((await rejection(source.ask())).message).to.match(why);
    }
    rmSync(path);
    expect((await rejection(source.ask())).message).to.match(/there is no such file/);
    mkdirSync(path);
    expect((await rejection(source.ask())).message).to.match(/it is not a file/);
  });
});
