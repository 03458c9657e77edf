/** Wrong configurations, one thing wrong in each: what the user is told of it, and where. */

import { expect } from 'chai';
import { type ErrorCode, LlamaError } from '../../../../src/base/errors.js';
import { parseConfig } from '../../../../src/config/collector/config.js';

interface Bad {
  readonly name: string;
  readonly text: string;
  /** `LLAMA_CONFIG_INVALID` when not given. */
  readonly code?: ErrorCode;
  readonly line: number;
  readonly path: string;
  readonly says: RegExp;
}

/** A full LLAMA configuration of one line a section, with one of them replaced. */
function full(section: string, line: string): string {
  const lines: Record<string, string> = {
    summarization: '{ interval: 30, handlers: 2 }',
    api: '{ bind: "0.0.0.0:5000" }',
    ports: '{ default: { ip: 0.0.0.0, port: 0, tos: 0, timeout: 1000 } }',
    port_groups: '{ default: [ { port: default, count: 4 } ] }',
    rate_limits: '{ default: { cps: 4.0 } }',
    tests: '[ { targets: default, port_group: default, rate_limit: default } ]',
    targets: '{ default: [ { ip: 127.0.0.1, port: 8100, tags: {} } ] }',
    [section]: line,
  };
  return Object.entries(lines)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}

const group = (line: string): string => `groups:\n  west:\n    ${line}\n    targets: [10.0.0.1]\n`;
const west = '/groups/west';

const BAD: readonly Bad[] = [
  // Text and shape
  { name: 'no YAML', text: 'groups: [', code: 'LLAMA_CONFIG_SYNTAX', line: 1, path: '', says: /not valid YAML/ },
  { name: 'a tab', text: 'groups:\n\twest: 1\n', code: 'LLAMA_CONFIG_SYNTAX', line: 2, path: '', says: /[Tt]ab/ },
  { name: 'nothing', text: '', line: 1, path: '', says: /write "groups: \{\}"/ },
  { name: 'a list', text: '- a\n', line: 1, path: '', says: /found a list, expected a map with any of the keys/ },
  { name: 'an unknown section', text: 'grups: {}\n', line: 1, path: '/grups', says: /did you mean "groups"\?/ },
  {
    name: 'a key twice',
    text: 'groups: {}\ngroups: {}\n',
    line: 2,
    path: '/groups',
    says: /first on line 1: remove one/,
  },
  // Process options
  {
    name: 'an unknown option',
    text: 'api:\n  listn: x\n',
    line: 2,
    path: '/api/listn',
    says: /did you mean "listen"\?/,
  },
  {
    name: 'an interval without unit',
    text: 'collector:\n  interval: 10\n',
    line: 2,
    path: '/collector/interval',
    says: /found 10, expected a duration/,
  },
  {
    name: 'too many source ports',
    text: 'source: { ports: 5000 }',
    line: 1,
    path: '/source/ports',
    says: /from 1 to 4096/,
  },
  {
    name: 'ports beyond the last',
    text: 'source:\n  ports: 7\n  basePort: 65530\n',
    line: 3,
    path: '/source/basePort',
    says: /at most 65536/,
  },
  {
    name: 'more threads than ports',
    text: 'source: { ports: 2 }\ncollector: { workers: 3 }',
    line: 2,
    path: '/collector/workers',
    says: /lower it or raise source\.ports/,
  },
  {
    name: 'a host name to listen on',
    text: 'api: { listen: "localhost:1" }',
    line: 1,
    path: '/api/listen',
    says: /an IP address and a port from 0 to 65535, such as/,
  },
  {
    name: 'a section that is a list',
    text: 'source: [1]',
    line: 1,
    path: '/source',
    says: /found a list, expected a map/,
  },
  // Groups
  { name: 'groups as a list', text: 'groups: [a]', line: 1, path: '/groups', says: /from group names to groups/ },
  {
    name: 'a group name with a blank',
    text: 'groups:\n  a b: { targets: [10.0.0.1] }',
    line: 2,
    path: '/groups/a b',
    says: /letters, digits, dots/,
  },
  {
    name: 'a group without targets',
    text: 'groups:\n  west: { port: 1 }',
    line: 2,
    path: `${west}/targets`,
    says: /found nothing, expected a list of at least one target/,
  },
  {
    name: 'an empty list of targets',
    text: 'groups:\n  west: { targets: [] }',
    line: 2,
    path: `${west}/targets`,
    says: /expected a list of at least one/,
  },
  {
    name: 'a misspelt key',
    text: group('clases: [ef]'),
    line: 3,
    path: `${west}/clases`,
    says: /did you mean "classes"\?/,
  },
  {
    name: 'an unknown class',
    text: group('classes: [eff]'),
    line: 3,
    path: `${west}/classes/0`,
    says: /did you mean "ef"\?/,
  },
  {
    name: 'a class twice',
    text: group('classes: [ef, 46]'),
    line: 3,
    path: `${west}/classes/1`,
    says: /already probed as "ef".*remove one/,
  },
  { name: 'a period too short', text: group('period: 10us'), line: 3, path: `${west}/period`, says: /from 1ms to 1h/ },
  { name: 'a timeout too long', text: group('timeout: 2m'), line: 3, path: `${west}/timeout`, says: /from 1ms to 60s/ },
  { name: 'port 0', text: group('port: 0'), line: 3, path: `${west}/port`, says: /from 1 to 65535/ },
  {
    name: 'a payload too small',
    text: group('payloadBytes: 43'),
    line: 3,
    path: `${west}/payloadBytes`,
    says: /from 44/,
  },
  {
    name: 'an unknown protocol',
    text: group('protocol: stmp'),
    line: 3,
    path: `${west}/protocol`,
    says: /did you mean "stamp"\?/,
  },
  {
    name: 'a host name',
    text: 'groups: { west: { targets: [\n host.example ] } }',
    line: 2,
    path: `${west}/targets/0`,
    says: /look it up and write the address/,
  },
  {
    name: 'a network',
    text: 'groups: { west: { targets: [\n 10.0.0.0/24 ] } }',
    line: 2,
    path: `${west}/targets/0`,
    says: /list its addresses/,
  },
  {
    name: 'an address with a port',
    text: 'groups: { west: { targets: [\n "10.0.0.1:80" ] } }',
    line: 2,
    path: `${west}/targets/0`,
    says: /write \{ address: "10\.0\.0\.1", port: 80 \}/,
  },
  {
    name: 'a multicast address',
    text: 'groups: { west: { targets: [\n 224.0.0.1 ] } }',
    line: 2,
    path: `${west}/targets/0`,
    says: /a multicast address, expected/,
  },
  {
    name: 'a target twice',
    text: 'groups: { west: { targets: [ 10.0.0.1,\n 10.0.0.1 ] } }',
    line: 2,
    path: `${west}/targets/1`,
    says: /first at line 1: remove one/,
  },
  {
    name: 'a tag that is a number',
    text: 'groups: { west: { targets: [ { address: 10.0.0.1,\n tags: { rack: 7 } } ] } }',
    line: 2,
    path: `${west}/targets/0/tags/rack`,
    says: /put numbers, true and false in quotes/,
  },
  {
    name: 'a plan without room',
    text: 'source: { ports: 4096 }\ncollector: { maxProbesPerSecond: 100000000 }\ngroups:\n  west: { period: 1ms, timeout: 60s, targets: [10.0.0.1] }',
    code: 'LLAMA_PLAN_TOO_LARGE',
    line: 4,
    path: west,
    says: /shorten the timeout/,
  },
  // LLAMA's simple form
  {
    name: 'simple: four numbers that are no address',
    text: '10.0.0.1: {}\n10.0.0.300: {}\n',
    line: 2,
    path: '/10.0.0.300',
    says: /found "10\.0\.0\.300", expected an IPv4 or IPv6 address/,
  },
  {
    name: 'simple: a host name',
    text: '10.0.0.1: {}\nhost-b.example: {}\n',
    line: 2,
    path: '/host-b.example',
    says: /look it up and write the address/,
  },
  {
    name: 'simple: tags that are text',
    text: '10.0.0.1: rack\n',
    line: 1,
    path: '/10.0.0.1',
    says: /found "rack", expected a map of tags/,
  },
  {
    name: 'simple: nested tags',
    text: '10.0.0.1:\n  a: { b: c }\n',
    line: 2,
    path: '/10.0.0.1/a',
    says: /tags cannot be nested/,
  },
  // LLAMA's full form
  {
    name: 'full: no port group of that name',
    text: full('tests', '[ { targets: default, port_group: defalt, rate_limit: default } ]'),
    line: 6,
    path: '/tests/0/port_group',
    says: /port_groups has default; did you mean "default"\?/,
  },
  {
    name: 'full: no targets of that name',
    text: full('tests', '[ { targets: west, port_group: default, rate_limit: default } ]'),
    line: 6,
    path: '/tests/0/targets',
    says: /found "west", expected the name of a list of targets: targets has default/,
  },
  {
    name: 'full: no rate limit',
    text: full('tests', '[ { targets: default, port_group: default } ]'),
    line: 6,
    path: '/tests/0/rate_limit',
    says: /found nothing, expected the name of a rate limit/,
  },
  {
    name: 'full: no port of that name',
    text: full('port_groups', '{ default: [ { port: voice, count: 4 } ] }'),
    line: 4,
    path: '/port_groups/default/0/port',
    says: /found "voice", expected the name of a port: ports has default/,
  },
  {
    name: 'full: TOS 300',
    text: full('ports', '{ default: { ip: 0.0.0.0, port: 0, tos: 300 } }'),
    line: 3,
    path: '/ports/default/tos',
    says: /found 300, expected a TOS byte from 0 to 255/,
  },
  {
    name: 'full: TOS as a name',
    text: full('ports', '{ default: { ip: 0.0.0.0, port: 0, tos: ef } }'),
    line: 3,
    path: '/ports/default/tos',
    says: /found "ef", expected a TOS byte/,
  },
  {
    name: 'full: a local address that is none',
    text: full('ports', '{ default: { ip: 0.0.0.256 } }'),
    line: 3,
    path: '/ports/default/ip',
    says: /found "0\.0\.0\.256", expected an IPv4 or IPv6 address of this host/,
  },
  {
    name: 'full: timeout 0',
    text: full('ports', '{ default: { timeout: 0 } }'),
    line: 3,
    path: '/ports/default/timeout',
    says: /from 1 to 60000/,
  },
  {
    name: 'full: count 0',
    text: full('port_groups', '{ default: [ { port: default, count: 0 } ] }'),
    line: 4,
    path: '/port_groups/default/0/count',
    says: /found 0, expected an integer from 1 to 4096/,
  },
  {
    name: 'full: two of a fixed port',
    text: full('ports', '{ default: { port: 4000 } }'),
    line: 4,
    path: '/port_groups/default/0/count',
    says: /can be opened once; set it to 0 for more/,
  },
  {
    name: 'full: a fixed port by two names',
    text: full('ports', '{ default: { port: 4000 }, b: { port: 4000 } }').replace(
      '{ port: default, count: 4 }',
      '{ port: default, count: 1 }, { port: b, count: 1 }',
    ),
    line: 4,
    path: '/port_groups/default/1/port',
    says: /found "b", expected another port than 4000, which this port group has already by "default"/,
  },
  {
    name: 'full: a fixed port twice in a port group',
    text: full('ports', '{ default: { port: 4000 } }').replace(
      '{ port: default, count: 4 }',
      '{ port: default, count: 1 }, { port: default, count: 1 }',
    ),
    line: 4,
    path: '/port_groups/default/1/port',
    says: /remove one of the two, or set the port to 0/,
  },
  {
    name: 'full: a host name',
    text: full('targets', '{ default: [ { ip: reflector01, port: 8100 } ] }'),
    line: 7,
    path: '/targets/default/0/ip',
    says: /host names are not resolved, .*look it up and write the address/,
  },
  {
    name: 'simple: host names',
    text: 'reflector01:\n  rack: 01\n  cluster: aa\n',
    line: 1,
    path: '/reflector01',
    says: /found "reflector01", expected .*host names are not resolved/,
  },
  {
    name: 'more source ports of a group than there are',
    text: 'source: { ports: 4 }\ngroups:\n  west:\n    sourcePorts: 5\n    targets: [10.0.0.1]\n',
    code: 'LLAMA_PLAN_TOO_LARGE',
    line: 4,
    path: '/groups/west/sourcePorts',
    says: /found 5, expected at most the 4 source ports of the collector/,
  },
  {
    name: 'no source ports of a group',
    text: group('sourcePorts: 0'),
    line: 3,
    path: '/groups/west/sourcePorts',
    says: /found 0, expected an integer from 1 to 4096/,
  },
  {
    name: 'full: cps 0',
    text: full('rate_limits', '{ default: { cps: 0 } }'),
    line: 5,
    path: '/rate_limits/default/cps',
    says: /found 0, expected a number of cycles per second above 0/,
  },
  {
    name: 'full: cps 5000',
    text: full('rate_limits', '{ default: { cps: 5000 } }'),
    line: 5,
    path: '/rate_limits/default/cps',
    says: /to 1000/,
  },
  {
    name: 'full: an address that is none',
    text: full('targets', '{ default: [ { ip: 10.0.0, port: 8100 } ] }'),
    line: 7,
    path: '/targets/default/0/ip',
    says: /found "10\.0\.0", expected an IPv4 or IPv6 address/,
  },
  {
    name: 'full: a target on port 70000',
    text: full('targets', '{ default: [ { ip: 10.0.0.1, port: 70000 } ] }'),
    line: 7,
    path: '/targets/default/0/port',
    says: /found 70000, expected a port from 1 to 65535/,
  },
  {
    name: 'full: targets as a map',
    text: full('targets', '{ default: { ip: 10.0.0.1 } }'),
    line: 7,
    path: '/targets/default',
    says: /found a map, expected a list of \{ ip, port, tags \}/,
  },
  {
    name: 'full: bind without a port',
    text: full('api', '{ bind: 0.0.0.0 }'),
    line: 2,
    path: '/api/bind',
    says: /an IP address and a port/,
  },
  {
    name: 'full: interval 0',
    text: full('summarization', '{ interval: 0 }'),
    line: 1,
    path: '/summarization/interval',
    says: /whole seconds from 1 to 3600/,
  },
  {
    name: 'full: an empty port group',
    text: full('port_groups', '{ default: [] }'),
    line: 4,
    path: '/port_groups/default',
    says: /at least one/,
  },
];

describe('a wrong configuration', () => {
  it('is told of in all these ways', () => {
    expect(BAD).to.have.length(60);
  });

  for (const { name, text, code = 'LLAMA_CONFIG_INVALID', line, path, says } of BAD)
    it(`${name}: ${code}, line ${line}, ${path === '' ? 'the whole' : path}`, () => {
      try {
        parseConfig(text, 'c.yaml', {});
      } catch (error) {
        if (!(error instanceof LlamaError)) throw error;
        expect(error.code).to.equal(code);
        expect([error.status, error.exitCode]).to.deep.equal([code === 'LLAMA_PLAN_TOO_LARGE' ? 422 : 400, 1]);
        expect(error.problems).to.have.length(1);
        const [problem] = error.problems;
        expect(problem).to.include({ line, path });
        expect(problem?.message).to.match(says);
        const [, remedy] = /^found .*?(?:, expected|, which|;) (.+)$/.exec(problem?.message ?? '') ?? [];
        expect(remedy, 'what to do').to.be.a('string').with.property('length').that.is.at.least(10);
        expect(error.message).to.match(new RegExp(`^c\\.yaml:${line}:\\d+: `));
        return;
      }
      throw new Error('it was taken for right');
    });
});
