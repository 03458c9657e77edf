import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { endCommands, llama, llamaEnds } from '../support/command.js';

const FIRST = 'first-token-of-the-tests';
const SECOND = 'second-token-of-the-tests';

describe('llama collector, who may do what', () => {
  let folder: string;
  let file: string;
  let tokenFile: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-access-'));
    file = join(folder, 'c.yaml');
    tokenFile = join(folder, 'token');
  });
  afterEach(endCommands);
  after(() => rmSync(folder, { recursive: true }));

  function config(api: string): readonly string[] {
    writeFileSync(file, `collector: { interval: 1s, workers: 1 }\nsource: { ports: 1 }\napi: ${api}\n`);
    return ['collector', '--config', file];
  }
  const writeToken = (text: string): void => writeFileSync(tokenFile, text, { mode: 0o600 });

  /** The status of the removal of a group that is not there: 404 when it would have been allowed. */
  async function remove(api: unknown, token?: string): Promise<number> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return (await fetch(`${api}/v1/groups/none`, { method: 'DELETE', headers })).status;
  }

  it('does not start with changes from elsewhere and no token, and says what to do', async () => {
    const { code, err } = await llamaEnds(config('{ listen: "0.0.0.0:0", allowRemoteWrites: true }'));
    expect(code).to.equal(1);
    expect(err).to.match(
      /c\.yaml:3:\d+: \/api\/allowRemoteWrites: found true without api\.tokenFile.* set api\.tokenFile/,
    );
  });

  it('does not start with a token file that cannot be used', async () => {
    writeToken('\n');
    const { code, err } = await llamaEnds(config(`{ listen: "127.0.0.1:0", tokenFile: ${tokenFile} }`));
    expect(code).to.equal(1);
    expect(err).to.match(/token \(api\.tokenFile\): found an empty file, expected a token; make one with: openssl/);
    expect(err).not.to.include('    at ');
  });

  it('takes a new token at SIGHUP; a file that cannot be used leaves the old one in force', async () => {
    writeToken(FIRST);
    const command = llama(config(`{ listen: "127.0.0.1:0", tokenFile: ${tokenFile} }`));
    const { api } = await command.logged('measuring');
    expect([await remove(api), await remove(api, SECOND), await remove(api, FIRST)]).to.deep.equal([401, 401, 404]);
    writeToken(SECOND);
    command.signal('SIGHUP');
    await command.logged('tokens read again');
    expect([await remove(api, FIRST), await remove(api, SECOND)]).to.deep.equal([401, 404]);
    writeToken('');
    command.signal('SIGHUP');
    const line = await command.logged('tokens could not be read again; the old one stays in force');
    expect(line).to.include({ level: 'error', code: 'LLAMA_TOKEN_FILE' });
    expect(await remove(api, SECOND)).to.equal(404);
    expect(command.err).not.to.include(FIRST).and.not.to.include(SECOND);
  });

  it('on every address and without a token, is read-only for all but this host', async () => {
    const command = llama(config('{ listen: "0.0.0.0:0" }'));
    const { api } = await command.logged('measuring');
    await command.logged(
      'without api.tokenFile the API is read-only for other hosts: changes are accepted from this host only',
    );
    const { port } = new URL(String(api));
    expect(await remove(`http://127.0.0.1:${port}`)).to.equal(404);
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal);
    if (outside === undefined) return;
    const other = `http://${outside.address}:${port}`;
    expect(await remove(other)).to.equal(403);
    expect((await fetch(`${other}/v1/groups`)).status).to.equal(200);
  });
});
