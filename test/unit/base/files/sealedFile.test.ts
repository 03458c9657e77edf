import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  bodyHash,
  damageOf,
  readSealed,
  seal,
  setAside,
  unseal,
  writeSealed,
} from '../../../../src/base/files/sealedFile.js';

const FORMAT = 'llama-test';
const BODY = '{"name":"ü\\n1"}';

describe('a sealed file', () => {
  let directory = '';
  let path = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'llama-sealed-'));
    path = join(directory, 'file.json');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is JSON, and is read back unchanged, without leftovers', async () => {
    await writeSealed(path, FORMAT, '{"name":"old"}');
    await writeSealed(path, FORMAT, BODY);
    expect(await readSealed(path, FORMAT)).to.deep.equal({ body: BODY });
    expect(JSON.parse(readFileSync(path, 'utf8')).entry).to.deep.equal({ name: 'ü\n1' });
    expect(readdirSync(directory)).to.deep.equal(['file.json']);
  });

  it('is undefined when it is missing, and an error when it cannot be read', async () => {
    expect(await readSealed(path, FORMAT)).to.equal(undefined);
    const error: unknown = await readSealed(directory, FORMAT).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'EISDIR');
  });

  it('accepts a checksum computed in parts', () => {
    const sha256 = bodyHash().update(BODY.slice(0, 3)).update(BODY.slice(3)).digest('hex');
    expect(seal(FORMAT, BODY, sha256)).to.equal(seal(FORMAT, BODY));
  });

  it('is damaged after any change, or with another format', () => {
    const text = seal(FORMAT, BODY);
    for (const spoiled of ['', text.slice(0, -5), text.replace('1"}', '2"}'), seal('llama-other', BODY)])
      expect(unseal(FORMAT, spoiled), spoiled).to.have.property('damage');
  });

  it('distinguishes a newer version from damage', () => {
    const unsealed = unseal(FORMAT, seal(FORMAT, BODY).replace('"version":1', '"version":2'));
    expect(unsealed).to.deep.equal({ newer: '2' });
    if (!('body' in unsealed)) expect(damageOf(unsealed)).to.match(/newer version of LLAMA \(format 2\)/);
  });

  it('is quarantined under another name when damaged', async () => {
    writeFileSync(path, 'damaged');
    const aside = await setAside(path);
    expect(aside).to.match(/file\.json\.damaged-\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z$/);
    expect(readFileSync(aside, 'utf8')).to.equal('damaged');
    expect(readdirSync(directory)).to.have.length(1);
  });
});
