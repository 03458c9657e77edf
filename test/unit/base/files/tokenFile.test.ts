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

describe('a file with a secret', () => {
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

  it('is read again for every request, without the space around it', async () => {
    const file = fileWith('old\n');
    expect(await bearerHeaders(file)).to.deep.equal({ authorization: 'Bearer old' });
    fileWith('  new \n');
    expect(await bearerHeaders(file)).to.deep.equal({ authorization: 'Bearer new' });
  });

  it('gives no header when none is configured', async () => {
    expect(await bearerHeaders(null)).to.deep.equal({});
  });

  it('may hold a password with spaces, but no token with them', async () => {
    const file = fileWith('correct horse\n');
    expect(await secretOf(file, 'password')).to.equal('correct horse');
    expect(await messageOf(bearerHeaders(file))).to.equal(`${file}: expected a token in one line of plain text`);
    expect(['abc', 'ab c', 'ab\nc', 'ä', ''].map(isToken)).to.deep.equal([true, false, false, false, false]);
  });

  it('is named with what to do when it is missing or empty, never its content', async () => {
    const missing = join(directory, 'missing');
    expect(await messageOf(secretOf(missing, 'password'))).to.match(
      /missing: found no password file that can be read \(ENOENT.*\); check its path and owner$/,
    );
    const empty = fileWith(' \n');
    expect(await messageOf(secretOf(empty, 'token'))).to.equal(
      `${empty}: found an empty file, expected a token on one line`,
    );
  });

  it('is read by the given reader, whose refusal is in the message', async () => {
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
