import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LlamaError } from '../../../../src/base/errors.js';
import { readKeyFile } from '../../../../src/config/group/keyFile.js';

const HEX = '000102030405060708090a0b0c0d0e0f';

describe('A file of HMAC keys', () => {
  let dir: string;
  let warnings: string[];
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'llama-keys-'));
  });
  after(() => rmSync(dir, { recursive: true }));
  beforeEach(() => {
    warnings = [];
  });

  function read(text: string, mode = 0o600): string[] {
    const file = join(dir, 'keys');
    writeFileSync(file, text);
    chmodSync(file, mode);
    return readKeyFile(file, '--key-file', (warning) => warnings.push(warning)).map((key) =>
      Buffer.from(key).toString('hex'),
    );
  }

  it('has a key a line, in hexadecimal digits or as text, with comments and empty lines between', () => {
    const text = Buffer.from('a secret of some length ü ');
    expect(read(`# new\r\n${HEX}\r\n\n hex:FF${HEX} \n  # old\ntext:${text}\n`)).to.deep.equal([
      HEX,
      `ff${HEX}`,
      text.toString('hex'),
    ]);
    expect(warnings).to.deep.equal([]);
  });

  it('that every user can read is used, with a warning; so is a short key', () => {
    expect(read(HEX, 0o644)).to.deep.equal([HEX]);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.include('chmod o=').and.to.include('--key-file');
    warnings = [];
    expect(read('text:secret')).to.have.length(1);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.include('line 1').and.to.include('6 bytes').and.to.not.include('secret');
  });

  for (const [text, says] of [
    ['', 'found no key'],
    ['# nothing\n', 'found no key'],
    [`${HEX}\nsecret word`, "line 2: found other characters than hexadecimal digits, expected those, or 'text:'"],
    [`${HEX}0`, 'line 1: found 33 hexadecimal digits'],
    ['hex:', 'line 1: found an empty key'],
    ['text:', 'line 1: found an empty key'],
    [`text:${'x'.repeat(257)}`, 'line 1: found a key of 257 bytes, expected at most 256'],
    [`${HEX}\n${HEX}`, 'line 2: found a key that is there already'],
    [Array.from({ length: 17 }, (_, i) => HEX + String(10 + i)).join('\n'), 'found 17 keys, expected at most 16'],
  ] as const)
    it(`'${text.slice(0, 24).replaceAll('\n', ' ')}…' is refused: ${says}`, () => {
      expect(() => read(text))
        .to.throw(LlamaError, says)
        .with.property('code', 'LLAMA_KEY_FILE');
      try {
        read(text);
      } catch (error) {
        expect(String(error))
          .to.include(join(dir, 'keys'))
          .and.to.not.match(/secret word|0c0d0e0f/);
      }
    });

  it('that is not there is named with its option', () => {
    expect(() => readKeyFile(join(dir, 'none'), '--key-file', () => undefined))
      .to.throw(LlamaError, `${join(dir, 'none')} (--key-file)`)
      .with.property('exitCode', 1);
  });
});
