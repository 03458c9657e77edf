import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LlamaError, type Problem } from '../../../../src/base/errors.js';
import { groupToJson, parseGroup } from '../../../../src/config/group/group.js';
import { sameKeys } from '../../../../src/config/group/groupFormat.js';

const TARGETS = ['10.0.0.1'];

function problemsOf(input: Record<string, unknown>): readonly Problem[] {
  try {
    parseGroup({ targets: TARGETS, ...input }, 'west');
  } catch (error) {
    if (error instanceof LlamaError) return error.problems;
    throw error;
  }
  throw new Error('expected a LlamaError, got none');
}

describe('The format of a group', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-keys-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const keyFile = (text: string): string => {
    const file = join(folder, 'keys');
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };

  it('each protocol has its own port, timeout and length where nothing is said', () => {
    const figures = (protocol: string) => {
      const { port, timeoutNs, payloadBytes } = parseGroup({ protocol, targets: TARGETS }, 'west');
      return [port, timeoutNs / 1e6, payloadBytes];
    };
    expect(figures('stamp')).to.deep.equal([8100, 1000, 44]);
    expect(figures('llama')).to.deep.equal([8100, 1000, 1028]);
    expect(figures('llama-legacy')).to.deep.equal([60_000, 200, 36]);
  });

  it('grows with keys and TLVs, and is padded to the requested length', () => {
    const file = keyFile('00112233445566778899aabbccddeeff\n');
    const bytes = (input: Record<string, unknown>): number =>
      parseGroup({ ...input, targets: TARGETS }, 'west').payloadBytes;
    expect(bytes({ keyFile: file })).to.equal(112);
    expect(bytes({ tlvs: ['classOfService'] })).to.equal(52);
    expect(bytes({ tlvs: ['directMeasurement', 'classOfService', 'timestampInformation'] })).to.equal(76);
    expect(bytes({ keyFile: file, tlvs: ['classOfService'] })).to.equal(140);
    expect(bytes({ tlvs: ['classOfService'], payloadBytes: 1000 })).to.equal(1000);
  });

  it('names the part that a length is too short for', () => {
    expect(problemsOf({ payloadBytes: 43 })[0].message).to.match(/^found 43, expected an integer from 44/);
    expect(problemsOf({ payloadBytes: 50, tlvs: ['classOfService'] })[0].message).to.equal(
      'found 50, expected at least 52: 44 bytes of STAMP and 8 of TLVs; raise payloadBytes, or leave it out',
    );
    expect(problemsOf({ protocol: 'llama', payloadBytes: 500 })[0].message).to.equal(
      'found 500, expected 1028, the length of every probe of protocol llama; leave payloadBytes out',
    );
  });

  it('refuses keys and TLVs of formats that have none, unknown TLVs, duplicate TLVs, and other ECN codepoints', () => {
    const file = keyFile('00112233445566778899aabbccddeeff\n');
    expect(problemsOf({ protocol: 'llama', keyFile: file })[0].message).to.match(/keyFile with protocol llama/);
    expect(problemsOf({ protocol: 'llama-legacy', tlvs: ['classOfService'] })[0].message).to.match(
      /tlvs with protocol/,
    );
    expect(problemsOf({ tlvs: ['classofservice'] })[0].message).to.match(/did you mean "classOfService"\?/);
    expect(problemsOf({ tlvs: ['classOfService', 'classOfService'] })[0].message).to.match(/a second time/);
    expect(problemsOf({ ecn: 'ect1' })[0].message).to.match(/^found "ect1", expected none or ect0/);
  });

  it('names an unusable key file and its problem, without its content', () => {
    const missing = problemsOf({ keyFile: join(folder, 'none') })[0];
    expect(missing).to.include({ path: '/keyFile' });
    expect(missing.message).to.include(join(folder, 'none')).and.to.include('found no file that can be read');
    const message = problemsOf({ keyFile: keyFile('secretsecret\n') })[0].message;
    expect(message).to.match(/line 1: found other characters than hexadecimal digits/);
    expect(message).to.not.include('secretsecret');
  });

  it('is written back as it was, without the keys', () => {
    const file = keyFile('00112233445566778899aabbccddeeff\ntext:the old key of this mesh\n');
    const group = parseGroup({ keyFile: file, tlvs: ['classOfService'], ecn: 'ect0', targets: TARGETS }, 'west');
    const json = groupToJson(group);
    expect(json).to.include({ keyFile: file, ecn: 'ect0' });
    expect(JSON.stringify(json)).to.not.include('0011').and.to.not.include('old key');
    const again = parseGroup(json, 'west');
    expect(again).to.deep.equal(group);
    expect(sameKeys(group, again)).to.equal(true);
    keyFile('text:the old key of this mesh\n');
    expect(sameKeys(group, parseGroup(json, 'west'))).to.equal(false);
  });
});
