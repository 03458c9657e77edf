import { expect } from 'chai';
import { parseTargetGroups, parseTargetText, readTarget } from '../../../src/targets/targetGroups.js';
import { seededRandom } from '../../support/harness/random.js';

describe("Prometheus' target groups", () => {
  it('give targets with and without ports; labels become tags, except with two leading underscores', () => {
    const text = `[{"targets": ["10.0.0.1:8101", "10.0.0.2", "[2001:db8::1]:9000", "2001:DB8::2"],
      "labels": {"rack": "r1", "__meta_x": "y", "n": 5}}]`;
    const tags = { rack: 'r1', n: '5' };
    expect(parseTargetText(text)).to.deep.equal({
      entries: [
        { address: '10.0.0.1', family: 4, port: 8101, tags },
        { address: '10.0.0.2', family: 4, port: null, tags },
        { address: '2001:db8::1', family: 6, port: 9000, tags },
        { address: '2001:db8::2', family: 6, port: null, tags },
      ],
      warnings: [],
    });
  });

  it('are read from YAML as well, in block and in flow style', () => {
    const expected = parseTargetText('[{"targets":["10.0.0.1:1"],"labels":{"a":"b"}}]');
    expect(parseTargetText('# ours\n- targets:\n    - 10.0.0.1:1\n  labels:\n    a: b\n')).to.deep.equal(expected);
    expect(parseTargetText('[{targets: ["10.0.0.1:1"], labels: {a: b}}]')).to.deep.equal(expected);
  });

  it('an empty list is an answer without targets', () => {
    for (const text of ['[]', '[{"targets":[]}]']) expect(parseTargetText(text).entries).to.deep.equal([]);
  });

  it('a target that cannot be probed is left out with the reason, and the rest holds', () => {
    const answer = parseTargetGroups([
      { targets: ['host.example:8100', '10.0.0.1:0', '10.0.0.1:65536', '224.0.0.1', '10.0.0.9', 'http://10.0.0.1/'] },
    ]);
    expect(answer.entries.map(({ address }) => address)).to.deep.equal(['10.0.0.9']);
    expect(answer.warnings).to.have.length(5);
    expect(answer.warnings[0]).to.equal(
      '/0/targets/0: found a host name, expected an address with or without a port; names are not resolved here: write the address, or use fromDns',
    );
    expect(answer.warnings[1]).to.match(/expected a port from 1 to 65535/);
    expect(answer.warnings[3]).to.match(/a multicast address/);
    expect(answer.warnings[4]).to.match(/found a URL, .*write it without the scheme/);
  });

  it('an address without brackets that ends like a port is used, with a warning that says how to write the port', () => {
    const answer = parseTargetGroups([{ targets: ['::1:8100', '[::1:8100]', '2001:db8::1:10', '[::1]:8100'] }]);
    expect(answer.entries.map(({ address, port }) => [address, port])).to.deep.equal([
      ['::1:8100', null],
      ['::1:8100', null],
      ['2001:db8::1:10', null],
      ['::1', 8100],
    ]);
    expect(answer.warnings).to.deep.equal([
      '/0/targets/0: found an IPv6 address that ends like a port, used as an address; write [ADDRESS]:PORT if it is one, else [ADDRESS]',
    ]);
  });

  it('a label without a value is no label, and one that is no text is left out with its place; the rest holds', () => {
    const labels = { rack: 'r1', none: null, deep: { a: 1 }, list: ['a'], n: 5, no: false };
    expect(
      parseTargetGroups([
        { targets: ['10.0.0.1'], labels },
        { targets: ['10.0.0.2'], labels: null },
      ]),
    ).to.deep.equal({
      entries: [
        { address: '10.0.0.1', family: 4, port: null, tags: { rack: 'r1', n: '5', no: 'false' } },
        { address: '10.0.0.2', family: 4, port: null, tags: {} },
      ],
      warnings: [
        '/0/labels: label 3: found a map, expected text; the label is left out',
        '/0/labels: label 4: found a list, expected text; the label is left out',
      ],
    });
  });

  it('refuses a list without any valid target', () => {
    expect(() => parseTargetGroups([{ targets: ['a.example', 'b.example'] }])).to.throw(
      /none of 2 targets can be probed/,
    );
  });

  for (const [title, text, why] of [
    ['nothing', '', /found nothing, expected a list/],
    ['a map', '{"targets": []}', /found a map, expected a list/],
    ['a list of texts', '["10.0.0.1"]', /found text at \/0/],
    ['a group without targets', '[{"labels": {}}]', /found nothing at \/0\/targets/],
    ['a target that is a number', '[{"targets": [5]}]', /found a number at \/0\/targets\/0/],
    ['labels that are a list', '[{"targets": [], "labels": []}]', /at \/0\/labels/],
    ['half a file', '[{"targets": ["10.0.', /line 1/],
    ['a web page', '<html>', /expected a list/],
    [
      'too many targets',
      JSON.stringify([{ targets: Array.from({ length: 65_536 }, () => '10.0.0.1') }]),
      /more than 65535/,
    ],
  ] as const)
    it(`refuses ${title} as a whole, and says where`, () => {
      expect(() => parseTargetText(text)).to.throw(why);
    });

  it('never throws on a target, whatever its text', () => {
    const random = seededRandom(7);
    const alphabet = '0123456789abcdef:.[]%/- \u0000ü';
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: random.below(20) }, () => alphabet[random.below(alphabet.length)]);
      const entry = readTarget(text.join(''), {});
      if (typeof entry !== 'string') expect(entry.port ?? 1).to.be.within(1, 65_535);
    }
  });
});
