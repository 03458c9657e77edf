import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { bearerHeaders, isToken, secretOf } from '../../../../src/base/files/tokenFile.js';

const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it was read',
    (error: Error) => error.message,
  );

describe('secretOf', () => {
  let directory = '';
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'llama-secret-'));
  });
  after(() => rmSync(directory, { recursive: true }));

  function fileWith(content: string): string {
    const file = join(directory, 'secret');
    writeFileSync(file, content);
    return file;
  }

  it('reads the file for every request, and trims it', async () => {
    const file = fileWith('old\n');
    expect(await bearerHeaders(file)).to.deep.equal({ authorization: 'Bearer old' });
    fileWith('  new \n');
    expect(await bearerHeaders(file)).to.deep.equal({ authorization: 'Bearer new' });
  });

  it('gives no header without a configured file', async () => {
    expect(await bearerHeaders(null)).to.deep.equal({});
  });

  it('accepts spaces in a password, but not in a token', async () => {
    const file = fileWith('correct horse\n');
    expect(await secretOf(file, 'password')).to.equal('correct horse');
    expect(await messageOf(bearerHeaders(file))).to.equal(`${file}: expected a token in one line of plain text`);
    expect(['abc', 'ab c', 'ab\nc', 'ä', ''].map(isToken)).to.deep.equal([true, false, false, false, false]);
  });

  it('names a missing or empty file and the remedy, never its content', async () => {
    const missing = join(directory, 'missing');
    expect(await messageOf(secretOf(missing, 'password'))).to.match(
      /missing: found no password file that can be read \(ENOENT.*\); check its path and owner$/,
    );
    const empty = fileWith(' \n');
    expect(await messageOf(secretOf(empty, 'token'))).to.equal(
      `${empty}: found an empty file, expected a token on one line`,
    );
  });

  it('uses the given reader, and reports its refusal', async () => {
    const refusing = (): string => {
      throw new Error('it is not in an allowed directory');
    };
    const path = join(directory, 'token');
    const message = await messageOf(bearerHeaders(path, refusing));
    expect(message.startsWith(`${path}: `), message).to.equal(true);
    expect(message).to.contain('(it is not in an allowed directory)');
    expect(await bearerHeaders(path, () => 'given')).to.deep.equal({ authorization: 'Bearer given' });
  });
});
