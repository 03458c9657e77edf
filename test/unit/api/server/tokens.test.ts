import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Tokens } from '../../../../src/api/server/tokens.js';
import { LlamaError } from '../../../../src/base/errors.js';

const WRITE = 'write-token-of-the-tests';
const READ = 'read-token-of-the-tests';

describe('tokens', () => {
  let folder: string;
  let tokenFile: string;
  let readTokenFile: string;
  let warnings: string[];
  const warn = (text: string): number => warnings.push(text);

  beforeEach(() => {
    warnings = [];
    folder = mkdtempSync(join(tmpdir(), 'llama-tokens-'));
    tokenFile = join(folder, 'token');
    readTokenFile = join(folder, 'read');
    writeFileSync(tokenFile, `${WRITE}\n`, { mode: 0o600 });
    writeFileSync(readTokenFile, READ, { mode: 0o640 });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function failure(work: () => unknown): LlamaError {
    try {
      work();
    } catch (error) {
      if (error instanceof LlamaError) return error;
      throw error;
    }
    throw new Error('expected an error');
  }

  it('grant only the permission of their file', () => {
    const tokens = new Tokens({ tokenFile, readTokenFile }, warn);
    expect(tokens.grantOf(`Bearer ${WRITE}`)).to.equal('write');
    expect(tokens.grantOf(`bearer  ${READ} `)).to.equal('read');
    for (const header of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      WRITE,
      `Basic ${WRITE}`,
      `Bearer ${WRITE}x`,
      `Bearer ${WRITE.slice(1)}`,
      `Bearer ${WRITE} ${READ}`,
      `Bearer ${'a'.repeat(10_000)}`,
    ])
      expect(tokens.grantOf(header), header).to.equal(undefined);
    expect(warnings).to.deep.equal([]);
  });

  it('are not asked of readers without a file for reading', () => {
    const tokens = new Tokens({ tokenFile, readTokenFile: null }, warn);
    expect([tokens.forReading, tokens.forWriting]).to.deep.equal([false, true]);
    expect(tokens.grantOf(`Bearer ${READ}`)).to.equal(undefined);
  });

  it('are read again when asked; a failing file leaves the old ones in force', () => {
    const tokens = new Tokens({ tokenFile, readTokenFile }, warn);
    writeFileSync(tokenFile, 'another-token-of-the-tests');
    tokens.readAgain(warn)();
    expect(tokens.grantOf(`Bearer ${WRITE}`)).to.equal(undefined);
    expect(tokens.grantOf('Bearer another-token-of-the-tests')).to.equal('write');
    writeFileSync(tokenFile, 'a-third-token-of-the-tests');
    writeFileSync(readTokenFile, '');
    expect(failure(() => tokens.readAgain(warn)).code).to.equal('LLAMA_TOKEN_FILE');
    expect(tokens.grantOf('Bearer another-token-of-the-tests')).to.equal('write');
    expect(tokens.grantOf(`Bearer ${READ}`)).to.equal('read');
  });

  it('are refused when the file is missing, a folder, empty, or holds no token, and none is told', () => {
    for (const [text, says] of [
      ['', /found an empty file, expected a token; make one with: openssl rand -hex 32/],
      [' \n\n', /found an empty file/],
      ['two words', /found characters that a bearer token cannot have/],
      ['sécret-sécret-sécret', /found characters that a bearer token cannot have/],
      [`${WRITE}\n${READ}`, /expected one line/],
    ] as const) {
      writeFileSync(tokenFile, text);
      const { code, message } = failure(() => new Tokens({ tokenFile, readTokenFile: null }, warn));
      expect(code).to.equal('LLAMA_TOKEN_FILE');
      expect(message).to.match(says).and.include(`${tokenFile} (api.tokenFile)`);
      if (text.trim() !== '') expect(message).not.to.include(text);
    }
    for (const [file, says] of [
      [folder, /EISDIR/],
      [join(folder, 'none'), /ENOENT/],
    ] as const)
      expect(failure(() => new Tokens({ tokenFile: file, readTokenFile: null }, warn)).message).to.match(says);
  });

  it('for reading and writing must differ', () => {
    writeFileSync(readTokenFile, `  ${WRITE}\n`);
    expect(failure(() => new Tokens({ tokenFile, readTokenFile }, warn)).message).to.match(
      /found the token of api\.tokenFile, expected another one/,
    );
  });

  it('that all users can read, or that are short, are warned of', () => {
    chmodSync(tokenFile, 0o644);
    writeFileSync(readTokenFile, 'short');
    new Tokens({ tokenFile, readTokenFile }, warn);
    expect(warnings).to.have.length(2);
    expect(warnings[0]).to.equal(
      `${tokenFile} (api.tokenFile): every user of this host can read it (mode 644); chmod o= ${tokenFile}`,
    );
    expect(warnings[1])
      .to.match(/the token has 5 characters/)
      .and.not.include('short');
  });
});
