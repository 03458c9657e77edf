/** A secret that somebody wrote into a config, in the wrong place or the wrong way, is in no message about the config. */

import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Tokens } from '../../../src/api/server/tokens.js';
import { LlamaError } from '../../../src/base/errors.js';
import { secretOf } from '../../../src/base/files/tokenFile.js';
import { openAllowed, whyOutside } from '../../../src/config/allowed.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { parseGroup } from '../../../src/config/group/group.js';
import { describeSource } from '../../../src/config/group/targetSource.js';
import { parseScraperConfig } from '../../../src/config/scraper/config.js';

const SECRET = '31415926535897';
/** As YAML may have it: text that a parser takes for something else. */
const SHAPES = [
  SECRET,
  `*${SECRET}`,
  `!${SECRET}`,
  `"${SECRET}" x`,
  `@${SECRET}`,
  `%${SECRET}`,
  `[${SECRET}`,
  `{${SECRET}`,
];

function failure(act: () => unknown): LlamaError {
  try {
    act();
  } catch (error) {
    if (error instanceof LlamaError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

/** Everything of an error that gets into answers and logs. */
function told(error: unknown): string {
  const { message, problems, cause } = error as LlamaError;
  return [message, JSON.stringify(problems ?? []), cause === undefined ? '' : told(cause)].join('\n');
}

describe('a secret in a config', () => {
  for (const text of [
    ...SHAPES.map((shape) => `api: { listen: 1, tokenFile: ${shape} }\ncollector: { interval: wrong }`),
    ...SHAPES.map((shape) => `api:\n  tokenFile: ${shape}\ncollector: { interval: wrong }`),
    `api:\n  tokenFile:${SECRET}`,
    `api: tokenFile:${SECRET}`,
    `groups: { west: "keyFile:${SECRET}" }`,
    `groups: { west: { keyFile: ${SECRET}, targets: [] } }`,
    `groups: { west: { fromHttp: "tokenFile:${SECRET}" } }`,
    `groups: { west: { fromHttp: { url: "http://a/?token=${SECRET}", tokenFile: ${SECRET}, refresh: x } } }`,
    `groups: { west: { fromHttp: { url: "ftp://a/?token=${SECRET}", tokenFile: "${SECRET}\\0" } } }`,
    `groups: { west: { fromHttp: { url: "http://${SECRET}@a/" } } }`,
    `groups: tokenFile:${SECRET}`,
    `tokenFile:${SECRET}`,
    `api: { token: ${SECRET} }`,
  ])
    it(`is not shown: ${text.replaceAll('\n', ' / ').slice(0, 90)}`, () => {
      expect(told(failure(() => parseConfig(text, 'test.yaml', {})))).not.to.include(SECRET);
    });

  for (const [name, writers] of [
    ['text in place of a writer', `["passwordFile:${SECRET}"]`],
    ['text in place of the list', `passwordFile:${SECRET}`],
    [
      'a number as a password file',
      `[{ kind: influx1, url: "http://a", database: d, user: u, passwordFile: ${SECRET} }]`,
    ],
    ['a number as a token file', `[{ kind: influx2, url: "http://a", org: o, bucket: b, tokenFile: ${SECRET} }]`],
    ['an unknown key', `[{ kind: influx2, url: "http://a", org: o, bucket: b, token: ${SECRET} }]`],
  ] as const)
    it(`is not shown of a scraper: ${name}`, () => {
      const text = `collectors: ["http://a:5000"]\nwriters: ${writers}\n`;
      expect(told(failure(() => parseScraperConfig(text, 'test.yaml', {})))).not.to.include(SECRET);
    });

  it('in the environment is not shown either', () => {
    const env = { LLAMA_API_TOKEN_FILE: `${SECRET}\0`, LLAMA_API_LISTEN: 'wrong' };
    expect(told(failure(() => parseConfig('groups: {}', 'test.yaml', env)))).not.to.include(SECRET);
  });

  it('in the place of the path of its file is not shown when there is no such file', async () => {
    for (const written of [SECRET, `${SECRET}/x+`, `/${SECRET}`]) {
      const tokens = failure(() => new Tokens({ tokenFile: written, readTokenFile: null }, () => undefined));
      expect(told(tokens)).to.include('api.tokenFile').and.to.include('ENOENT').and.not.to.include(SECRET);
      const group = failure(() => parseGroup({ targets: ['10.0.0.1'], keyFile: written }, 'west'));
      expect(told(group)).to.include('keyFile').and.not.to.include(SECRET);
      const read = await secretOf(written, 'token').catch((error: unknown) => error);
      expect(told(read)).to.include('found no token file that can be read (ENOENT').and.not.to.include(SECRET);
    }
  });

  it('in the query of a URL is not part of its description', () => {
    const { from } = parseGroup({ fromHttp: { url: `http://a/x?token=${SECRET}` } }, 'west');
    expect(from && describeSource(from))
      .to.include('http://a/x?…')
      .and.not.to.include(SECRET);
  });
});

describe('a hard link in a directory that REST may name files of', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-hard-'));
    mkdirSync(join(folder, 'inside'));
    writeFileSync(join(folder, 'outside'), 'secret');
    linkSync(join(folder, 'outside'), join(folder, 'inside', 'link'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is refused when it is named and when it is opened, and is read once it has a single name', () => {
    const [path, directories] = [join(folder, 'inside', 'link'), [join(folder, 'inside')]];
    expect(whyOutside(path, directories)).to.match(/found ".*link", a file with 2 names \(hard links\).*copy the file/);
    expect(() => openAllowed(path, directories)).to.throw(/hard links/);
    const rules = { directories, urls: [] };
    const group = failure(() => parseGroup({ fromFile: { path } }, 'west', rules));
    expect(group.problems[0]?.path).to.equal('/fromFile/path');
    expect(group.message).to.include('hard links');
    rmSync(join(folder, 'outside'));
    expect(whyOutside(path, directories)).to.equal(undefined);
  });
});
