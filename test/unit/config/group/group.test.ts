import { expect } from 'chai';
import { LlamaError } from '../../../../src/base/errors.js';
import { groupToJson, parseGroup, parseGroupInTurns } from '../../../../src/config/group/group.js';

function problemsOf(input: unknown, name = 'west'): { path: string; message: string }[] {
  try {
    parseGroup(input, name);
  } catch (error) {
    if (!(error instanceof LlamaError)) throw error;
    expect(error.code).to.equal('LLAMA_GROUP_INVALID');
    return [...error.problems];
  }
  throw new Error('expected a LlamaError, got none');
}

const FULL = {
  protocol: 'stamp',
  port: 8200,
  period: '1500us',
  timeout: '20ms',
  classes: ['af41', 'va', 1],
  payloadBytes: 1000,
  targets: [
    { address: '10.0.0.1', tags: { rack: 'r1' } },
    { address: '2001:db8::1', port: 9000 },
    { address: '10.0.0.3' },
  ],
};

describe('parseGroup', () => {
  it('fills in every default', () => {
    expect(parseGroup({ targets: ['10.0.0.1'] }, 'west')).to.deep.equal({
      name: 'west',
      protocol: 'stamp',
      port: 8100,
      periodNs: 1_000_000_000,
      timeoutNs: 1_000_000_000,
      classes: [{ name: 'cs0', dscp: 0 }],
      payloadBytes: 44,
      targets: [{ address: '10.0.0.1', family: 4, port: 8100, tags: {} }],
    });
  });

  it('resolves ports, units and classes', () => {
    expect(parseGroup(FULL, 'west')).to.deep.equal({
      name: 'west',
      protocol: 'stamp',
      port: 8200,
      periodNs: 1_500_000,
      timeoutNs: 20_000_000,
      classes: [
        { name: 'af41', dscp: 34 },
        { name: 'va', dscp: 44 },
        { name: '1', dscp: 1 },
      ],
      payloadBytes: 1000,
      targets: [
        { address: '10.0.0.1', family: 4, port: 8200, tags: { rack: 'r1' } },
        { address: '2001:db8::1', family: 6, port: 9000, tags: {} },
        { address: '10.0.0.3', family: 4, port: 8200, tags: {} },
      ],
    });
  });

  it('is undone by groupToJson', () => {
    expect(groupToJson(parseGroup(FULL, 'west'))).to.deep.equal(FULL);
    const group = parseGroup({ targets: ['10.0.0.1'] }, 'west');
    expect(parseGroup(groupToJson(group), 'west')).to.deep.equal(group);
  });

  it('keeps a class as it was written, but for upper case', () => {
    const classes = parseGroup({ classes: ['EF', 0, '10', 'le'], targets: ['10.0.0.1'] }, 'west').classes;
    expect(classes).to.deep.equal([
      { name: 'ef', dscp: 46 },
      { name: '0', dscp: 0 },
      { name: '10', dscp: 10 },
      { name: 'le', dscp: 1 },
    ]);
  });

  it('writes addresses in their canonical form', () => {
    const targets = ['2001:DB8:0:0:1:0:0:1', '::ffff:10.0.0.1', { address: '::1' }];
    expect(parseGroup({ targets }, 'west').targets.map(({ address, family }) => [address, family])).to.deep.equal([
      ['2001:db8::1:0:0:1', 6],
      ['10.0.0.1', 4],
      ['::1', 6],
    ]);
  });

  it('finds a target that is there twice, however it is written', () => {
    const targets = [
      '10.0.0.1',
      { address: '::ffff:10.0.0.1', port: 8100 },
      '2001:db8::1',
      '2001:0db8::1',
      { address: '10.0.0.1', port: 1 },
    ];
    expect(problemsOf({ targets })).to.deep.equal([
      {
        path: '/targets/1/address',
        message:
          'found "::ffff:10.0.0.1" with port 8100 a second time, expected every address and port once in a group; it is first at /targets/0: remove one of the two',
      },
      {
        path: '/targets/3',
        message:
          'found "2001:0db8::1" with port 8100 a second time, expected every address and port once in a group; it is first at /targets/2: remove one of the two',
      },
    ]);
  });

  it('refuses addresses that no probe can be sent to, and says why', () => {
    for (const [address, why] of [
      ['0.0.0.0', /the unspecified address/],
      ['::', /the unspecified address/],
      ['224.0.0.5', /a multicast address/],
      ['ff02::1', /a multicast address/],
      ['255.255.255.255', /the broadcast address/],
      ['fe80::1', /a link-local IPv6 address/],
      ['2001:db8::1%eth0', /only a link-local IPv6 one \(fe80::\/10\) has a zone/],
      ['10.0.0.0/24', /a network is not a target/],
      ['10.0.0.1:8100', /write \{ address: "10\.0\.0\.1", port: 8100 \}/],
      ['[2001:db8::1]:8100', /write \{ address: "2001:db8::1", port: 8100 \}/],
      ['reflector.example', /host names are not resolved/],
      ['10.0.1', /expected an IPv4 or IPv6 address of a host/],
      ['010.0.0.1', /expected an IPv4 or IPv6 address of a host/],
      ['', /expected an IPv4 or IPv6 address of a host/],
    ] as const) {
      const problems = problemsOf({ targets: [address] });
      expect(problems, address).to.have.length(1);
      expect(problems[0]?.message).to.match(why);
    }
  });

  it('names the protocols where one is misspelt', () => {
    expect(problemsOf({ protocol: 'stmp', targets: ['10.0.0.1'] })[0]?.message).to.equal(
      'found "stmp", expected stamp, llama, llama-legacy, tcp-syn or icmp; did you mean "stamp"?',
    );
  });

  it('takes link-local targets with their zone', () => {
    const { targets } = parseGroup({ targets: ['FE80::0001%eth0', 'fe80::1%br-lan.7'] }, 'g');
    expect(targets.map(({ address }) => address)).to.deep.equal(['fe80::1%eth0', 'fe80::1%br-lan.7']);
  });

  it('reads groups of tcp-syn and icmp, with the ports and lengths that they have, and writes them alike', () => {
    const targets = ['10.0.0.1', { address: '10.0.0.2', port: 443 }];
    const syn = parseGroup({ protocol: 'tcp-syn', sourcePorts: 4, targets }, 'g');
    expect(syn).to.include({ port: 0, payloadBytes: 0, sourcePorts: 4 });
    expect(syn.targets.map(({ port }) => port)).to.deep.equal([0, 443]);
    const icmp = parseGroup({ protocol: 'icmp', payloadBytes: 1472, dontFragment: true, targets: ['10.0.0.1'] }, 'g');
    expect(icmp).to.include({ port: 0, payloadBytes: 1472, dontFragment: true });
    for (const group of [syn, icmp]) expect(parseGroup(groupToJson(group), 'g')).to.deep.equal(group);
  });

  it('reads anySource of stamp and llama, writes it again, and refuses it where nothing else names a reply', () => {
    const read = (input: object) => parseGroup({ targets: ['10.0.0.1'], ...input }, 'g');
    expect(read({})).not.to.have.property('anySource');
    expect(read({ anySource: false })).not.to.have.property('anySource');
    for (const protocol of ['stamp', 'llama']) {
      const group = read({ protocol, anySource: true });
      expect(group.anySource).to.equal(true);
      expect(parseGroup(groupToJson(group), 'g')).to.deep.equal(group);
    }
    for (const protocol of ['llama-legacy', 'tcp-syn', 'icmp'])
      expect(problemsOf({ targets: ['10.0.0.1'], protocol, anySource: true })[0]?.message, protocol).to.match(
        /^found anySource with protocol .*, expected it with protocol stamp or llama only: .*; take it out$/,
      );
  });

  it('refuses keys that tcp-syn and icmp do not have, and SYNs that would collide', () => {
    const message = (input: object): string | undefined => problemsOf({ targets: ['10.0.0.1'], ...input })[0]?.message;
    expect(message({ protocol: 'tcp-syn', payloadBytes: 100 })).to.match(/^found 100, expected none/);
    expect(message({ protocol: 'icmp', port: 7 })).to.match(/^found 7, expected no port/);
    expect(message({ protocol: 'icmp', sourcePorts: 1 })).to.match(
      /^found sourcePorts with protocol icmp, expected none/,
    );
    expect(message({ protocol: 'stamp', port: 0 })).to.match(/only tcp-syn probes port 0/);
    expect(message({ protocol: 'tcp-syn', period: '500ms' })).to.match(
      /^found 500ms with a timeout of 1s and 1 classes/,
    );
    expect(message({ protocol: 'tcp-syn', classes: ['cs0', 'ef'] })).to.match(/together, 2s/);
    parseGroup({ protocol: 'tcp-syn', classes: ['cs0', 'ef'], timeout: '500ms', targets: ['10.0.0.1'] }, 'g');
  });

  for (const [key, values] of Object.entries({
    protocol: [5, null, []],
    port: [0, 65_536, 1.5, '8100', null],
    period: ['999us', '61m', '1 s', '-1s', '', 1, null, {}],
    timeout: ['999us', '61s', 'soon', 1000],
    classes: [[], 'ef', {}, null],
    dontFragment: [1, 'yes'],
    anySource: [1, 'yes'],
    payloadBytes: [43, 9001, 44.5, '44', null],
    targets: [[], '10.0.0.1', {}, null, undefined],
  }))
    it(`refuses an impossible ${key}, once`, () => {
      for (const value of values) {
        const problems = problemsOf({ targets: ['10.0.0.1'], [key]: value });
        expect(
          problems.map(({ path }) => path),
          String(value),
        ).to.deep.equal([`/${key}`]);
        expect(problems[0]?.message).to.match(/^found .*, expected .+/);
      }
    });

  it('refuses targets and tags of the wrong shape, each once', () => {
    const targets = [
      5,
      null,
      [],
      {},
      { address: 5 },
      { address: '10.0.0.1', port: 0 },
      { address: '10.0.0.2', tags: [] },
      { address: '10.0.0.3', tags: { a: 1, b: 'x', c: null } },
    ];
    expect(problemsOf({ targets }).map(({ path }) => path)).to.have.members([
      '/targets/0',
      '/targets/1',
      '/targets/2',
      '/targets/3/address',
      '/targets/4/address',
      '/targets/5/port',
      '/targets/6/tags',
      '/targets/7/tags/a',
      '/targets/7/tags/c',
    ]);
  });

  it('lists the first hundred of thousands of problems, and counts the others', () => {
    const targets = Array.from({ length: 3000 }, (_, i) => ({ address: i }));
    try {
      parseGroup({ targets, period: 1 }, 'west');
    } catch (error) {
      if (!(error instanceof LlamaError)) throw error;
      expect(error.problems).to.have.length(100);
      expect(error.problems[0]?.path).to.equal('/period');
      expect(error.problems[99]?.path).to.equal('/targets/98/address');
      expect(error.problemCount).to.equal(3001);
      expect(error.message.split('\n')).to.have.length(101);
      expect(error.message).to.match(/\nand 2901 more problems$/);
      return;
    }
    throw new Error('it was taken for right');
  });

  it('refuses a list that is too long for its length, without a look at its items', () => {
    const problems = problemsOf({ targets: new Array(70_000).fill(1) });
    expect(problems).to.deep.equal([
      {
        path: '/targets',
        message:
          'found a list of 70000, expected at most 65535; share them among several requests, groups or collectors',
      },
    ]);
  });

  describe('in turns', () => {
    const many = <Item>(item: (i: number) => Item): Item[] => Array.from({ length: 10_000 }, (_, i) => item(i));
    for (const [title, targets] of [
      ['of the wrong type', many((i) => i)],
      ['that are host names', many((i) => `host${i}.example`)],
      ['with unknown keys', many((i) => ({ address: `10.0.${i >> 8}.${i & 255}`, prot: 1 }))],
      ['with tags that are no text', many((i) => ({ address: `10.0.${i >> 8}.${i & 255}`, tags: { rack: i } }))],
      ['that are all the same', many(() => '10.0.0.1')],
    ] as const)
      it(`lets others run after every few of ten thousand targets ${title}`, async () => {
        let turns = 0;
        const error = await parseGroupInTurns({ targets }, 'west', async () => {
          turns += 1;
        }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error).to.be.instanceOf(LlamaError).with.property('problemCount').that.is.at.least(9999);
        // A problem counts as ten targets, of which there are 250 in a turn.
        expect(turns).to.be.at.least(10_000 / 25);
      });

    it('lets others run after every few hundred targets that are right', async () => {
      let turns = 0;
      const targets = many((i) => `10.0.${i >> 8}.${i & 255}`);
      await parseGroupInTurns({ targets }, 'west', async () => {
        turns += 1;
      });
      expect(turns).to.be.within(40, 100);
    });
  });

  it('refuses anything but an object', () => {
    for (const input of [undefined, null, 5, 'x', []]) expect(problemsOf(input)[0]?.path).to.equal('');
  });

  it('refuses a name that could not stand in an address', () => {
    for (const name of ['', 'a b', 'a/b', 'ä', 'x'.repeat(65)])
      expect(problemsOf({ targets: ['10.0.0.1'] }, name)[0]?.message).to.match(/^found the group name /);
    expect(parseGroup({ targets: ['10.0.0.1'] }, '__proto__').name).to.equal('__proto__');
  });

  it('is not fooled by keys that every object has', () => {
    const input: unknown = JSON.parse(
      '{"targets":[{"address":"10.0.0.1","tags":{"__proto__":"x","constructor":"y"}}]}',
    );
    const tags = parseGroup(input, 'west').targets[0]?.tags ?? {};
    expect(Object.keys(tags)).to.deep.equal(['__proto__', 'constructor']);
    expect(problemsOf({ targets: ['10.0.0.1'], classes: ['constructor', 'toString'] })).to.have.length(2);
    expect(problemsOf({ targets: ['10.0.0.1'], toString: 1, constructor: 2 })).to.have.length(2);
  });
});
