import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openFile } from '../../../../src/base/files/openFile.js';

describe('openFile', () => {
  it('refuses a pipe without a writer', () => {
    const folder = mkdtempSync(join(tmpdir(), 'llama-open-'));
    try {
      execFileSync('mkfifo', [join(folder, 'pipe')]);
      expect(() => openFile(join(folder, 'pipe'))).to.throw('it is a pipe, expected a file');
      mkdirSync(join(folder, 'dir'));
      writeFileSync(join(folder, 'dir', 'file'), '');
      closeSync(openFile(join(folder, 'dir', 'file')));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
