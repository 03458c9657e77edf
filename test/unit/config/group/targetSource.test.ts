import { expect } from 'chai';
import { LlamaError } from '../../../../src/base/errors.js';
import { parseConfig } from '../../../../src/config/collector/config.js';
import { groupToJson, parseGroup } from '../../../../src/config/group/group.js';

function problemsOf(input: unknown): string[] {
  try {
    parseGroup(input, 'mesh');
  } catch (error) {
    if (!(error instanceof LlamaError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  throw new Error('expected problems, got none');
}

describe('a group with a source of targets', () => {
  for (const [written, full] of [
    [{ fromFile: { path: 't.json' } }, { fromFile: { path: 't.json', refresh: '30s' } }],
    [
      { fromHttp: { url: 'https://inventory.example/t' } },
      { fromHttp: { url: 'https://inventory.example/t', refresh: '1m', timeout: '10s' } },
    ],
    [{ fromDns: { name: 'mesh.example' } }, { fromDns: { name: 'mesh.example', type: 'A+AAAA' } }],
    [
      { fromDns: { name: '_stamp._udp.example.', type: 'SRV', refresh: '5s', allowEmpty: true }, skipSelf: true },
      { fromDns: { name: '_stamp._udp.example.', type: 'SRV', refresh: '5s', allowEmpty: true }, skipSelf: true },
    ],
  ])
    it(`is written as it was read, with its defaults: ${JSON.stringify(written)}`, () => {
      const group = parseGroup(written, 'mesh');
      expect(group.targets).to.deep.equal([]);
      const json = groupToJson(group);
      expect(json).to.deep.include(full).and.not.to.have.property('targets');
      expect(parseGroup(JSON.parse(JSON.stringify(json)), 'mesh')).to.deep.equal(group);
    });

  it('has exactly one of targets and sources', () => {
    expect(problemsOf({})).to.deep.equal([
      '/targets: found nothing, expected a list of at least one target, or in its place one of fromFile, fromHttp, fromDns',
    ]);
    expect(problemsOf({ targets: ['10.0.0.1'], fromDns: { name: 'a.example' } })).to.deep.equal([
      '/fromDns: found fromDns beside targets, expected exactly one of targets, fromFile, fromHttp, fromDns; remove one of the two, or make two groups',
    ]);
    expect(problemsOf({ fromFile: { path: 'x' }, fromHttp: { url: 'http://a/' } })).to.have.length(1);
  });

  for (const [title, input, path, why] of [
    ['a file without path', { fromFile: {} }, '/fromFile/path', /found nothing, expected a path/],
    ['an empty path', { fromFile: { path: '' } }, '/fromFile/path', /found "", expected a path/],
    ['a text for a source', { fromFile: 'x' }, '/fromFile', /found text, expected a map with path/],
    ['nothing for a source', { fromDns: null }, '/fromDns', /found nothing, expected a map with name/],
    ['an unknown key', { fromFile: { path: 'x', refrehs: '1s' } }, '/fromFile/refrehs', /did you mean "refresh"/],
    [
      'a refresh that is too short',
      { fromFile: { path: 'x', refresh: '10ms' } },
      '/fromFile/refresh',
      /from 1s to 24h/,
    ],
    [
      'a timeout that is too long',
      { fromHttp: { url: 'http://a/', timeout: '2m' } },
      '/fromHttp/timeout',
      /100ms to 60s/,
    ],
    ['a URL of another kind', { fromHttp: { url: 'file:///etc/passwd' } }, '/fromHttp/url', /expected a URL such as/],
    [
      'a URL with a password',
      { fromHttp: { url: 'http://u:geheim@a/' } },
      '/fromHttp/url',
      /found "http:\/\/…@a", .*tokenFile/,
    ],
    ['an address as a name', { fromDns: { name: '10.0.0.1' } }, '/fromDns/name', /list an address under targets/],
    ['a name that is none', { fromDns: { name: 'a b' } }, '/fromDns/name', /expected a full DNS name/],
    [
      'a record type that is none',
      { fromDns: { name: 'a', type: 'MX' } },
      '/fromDns/type',
      /one of A, AAAA, A\+AAAA, SRV/,
    ],
    [
      'a number for allowEmpty',
      { fromDns: { name: 'a', allowEmpty: 1 } },
      '/fromDns/allowEmpty',
      /expected true or false/,
    ],
    ['a text for skipSelf', { targets: ['10.0.0.1'], skipSelf: 'yes' }, '/skipSelf', /expected true or false/],
  ] as const)
    it(`refuses ${title}, once, and says where`, () => {
      const problems = problemsOf(input);
      expect(problems).to.have.length(1);
      expect(problems[0]).to.match(why);
      expect(problems[0].startsWith(`${path}: `)).to.equal(true);
    });

  it('is reported with line and column when it stands in a file', () => {
    const text = 'groups:\n  mesh:\n    fromDns:\n      name: a.example\n      refresh: soon\n';
    expect(() => parseConfig(text, 'c.yaml', {})).to.throw(
      /c\.yaml:5:16: \/groups\/mesh\/fromDns\/refresh: found "soon"/,
    );
  });
});
