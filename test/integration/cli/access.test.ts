import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { endCommands, llama, llamaEnds } from '../../support/processes/command.js';

const FIRST = 'first-token-of-the-tests';
const SECOND = 'second-token-of-the-tests';

interface Problem {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly problems: readonly object[];
}

describe('llama collector, access control', () => {
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

  async function groupsAt(api: unknown): Promise<string[]> {
    const { groups } = (await (await fetch(`${api}/v1/groups`)).json()) as { groups: { name: string }[] };
    return groups.map(({ name }) => name);
  }

  it('does not start with changes from other hosts and without a token, and says what to do', async () => {
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

  it('takes a new token at SIGHUP; a file that cannot be used leaves the old one in force, and the groups as they are', async () => {
    writeToken(FIRST);
    const command = llama(config(`{ listen: "127.0.0.1:0", tokenFile: ${tokenFile} }`));
    const { api } = await command.logged('measuring');
    expect([await remove(api), await remove(api, SECOND), await remove(api, FIRST)]).to.deep.equal([401, 401, 404]);
    writeToken(SECOND);
    command.signal('SIGHUP');
    await command.logged('tokens read again');
    expect([await remove(api, FIRST), await remove(api, SECOND)]).to.deep.equal([401, 404]);
    writeToken('');
    config(`{ listen: "127.0.0.1:0", tokenFile: ${tokenFile} }\ngroups: { west: { targets: [127.0.0.1] } }`);
    command.signal('SIGHUP');
    const line = await command.logged('reload failed; nothing changed');
    expect(line).to.include({ level: 'error', code: 'LLAMA_TOKEN_FILE' });
    expect(line.error).to.include(`${tokenFile} (api.tokenFile): found an empty file`).and.include('openssl rand');
    expect(await remove(api, SECOND)).to.equal(404);
    expect(await groupsAt(api)).to.deep.equal([]);
    expect(command.err).not.to.include(FIRST).and.not.to.include(SECOND);
  });

  async function reload(api: unknown) {
    const response = await fetch(`${api}/v1/reload`, { method: 'POST', headers: { authorization: `Bearer ${FIRST}` } });
    return { status: response.status, answer: (await response.json()) as Problem };
  }

  it('a reload over REST answers with the file that cannot be used and the remedy, and nothing changes', async () => {
    writeToken(FIRST);
    const api = `{ listen: "127.0.0.1:0", tokenFile: ${tokenFile} }`;
    const command = llama(config(api));
    const { api: url } = await command.logged('measuring');
    writeToken('two words');
    config(`${api}\ngroups: { west: { targets: [127.0.0.1] } }`);
    const { status, answer } = await reload(url);
    expect(status).to.equal(500);
    expect(answer).to.include({ code: 'LLAMA_TOKEN_FILE', status: 500 });
    expect(answer.detail)
      .to.include(tokenFile)
      .and.match(/expected one line of letters.*make one with: openssl/);
    expect(answer.problems).to.have.length(1);
    expect(answer.problems[0]).to.include({ path: '/api/tokenFile', line: 3, column: 31 });
    expect(await groupsAt(url)).to.deep.equal([]);
    expect(await remove(url, FIRST)).to.equal(404);
  });

  it('a wrong config leaves the tokens as they are, and its lines are in the answer and in the log', async () => {
    writeToken(FIRST);
    const api = `{ listen: "127.0.0.1:0", tokenFile: ${tokenFile} }`;
    const command = llama(config(api));
    const { api: url } = await command.logged('measuring');
    writeToken(SECOND);
    config(`${api}\ngroups:\n  west: { targets: [nowhere] }`);
    const { status, answer } = await reload(url);
    expect([status, answer.code]).to.deep.equal([400, 'LLAMA_CONFIG_INVALID']);
    expect(answer.problems[0]).to.include({ path: '/groups/west/targets/0', line: 5, column: 21 });
    command.signal('SIGHUP');
    const line = await command.logged('reload failed; nothing changed', 2);
    expect(line.error).to.match(/c\.yaml:5:21: /);
    expect([await remove(url, SECOND), await remove(url, FIRST)]).to.deep.equal([401, 404]);
    config(api);
    expect((await reload(url)).status).to.equal(200);
    expect([await remove(url, SECOND), await remove(url, FIRST)]).to.deep.equal([404, 401]);
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
