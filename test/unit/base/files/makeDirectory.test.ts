import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeDirectory } from '../../../../src/base/files/makeDirectory.js';
import { rejection } from '../../../support/fakes/timing.js';

describe('makeDirectory', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-make-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const code = async (path: string): Promise<unknown> =>
    Reflect.get(await rejection(makeDirectory(path, 0o700)), 'code');

  it('creates parents with the mode, and accepts an existing directory, also behind a link', async () => {
    const path = join(folder, 'a', 'b', 'c');
    await makeDirectory(path, 0o700);
    await makeDirectory(path, 0o700);
    expect(statSync(path).mode & 0o777).to.equal(0o700);
    symlinkSync(path, join(folder, 'link'));
    await makeDirectory(join(folder, 'link', 'd'), 0o700);
    expect(statSync(join(path, 'd')).isDirectory()).to.equal(true);
  });

  it('refuses a file system without directories, a file in the path, and a dangling link', async () => {
    expect(await code('/proc/nope')).to.equal('ENOENT');
    expect(await code('/proc/nope/deeper/still')).to.equal('ENOENT');
    expect(await code('/sys/nope')).to.be.oneOf(['ENOENT', 'EPERM', 'EROFS', 'EACCES']);
    writeFileSync(join(folder, 'file'), '');
    expect(await code(join(folder, 'file'))).to.equal('EEXIST');
    expect(await code(join(folder, 'file', 'a'))).to.equal('ENOTDIR');
    symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'));
    expect(await code(join(folder, 'dangling'))).to.be.oneOf(['EEXIST', 'ENOENT']);
    expect(await code(join(folder, 'dangling', 'a'))).to.be.oneOf(['EEXIST', 'ENOENT']);
  });
});
