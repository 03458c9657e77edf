import { expect } from 'chai';
import { LlamaError } from '../../../../src/base/errors.js';
import { parseConfig } from '../../../../src/config/collector/config.js';
import { seededRandom } from '../../../support/harness/random.js';

const CASES = 4_000;

const SEED_TEXTS = [
  `collector: { name: host-a, interval: 10s, workers: auto, retention: 60, timestamps: full, probeMemory: 64MiB }
source: { address: 0.0.0.0, address6: "::", ports: 16, basePort: 0 }
api: { listen: "127.0.0.1:5000", tokenFile: null }
stateDir: null
`,
  `groups:
  west: &w
    protocol: stamp
    port: 8100
    period: 500ms
    timeout: 1s
    classes: [cs0, ef, 10]
    payloadBytes: 100
    targets:
      - { address: 10.2.0.2, tags: { dst_rack: r1 } }
      - 2001:db8::2
  east:
    <<: *w
    targets: [10.0.0.1]
`,
  `10.0.0.1: { rack: 07 }
2001:db8::1:
  up: yes
`,
  `api: { bind: "0.0.0.0:5000" }
ports: { p: { ip: 0.0.0.0, port: 0, tos: 184, timeout: 1000 } }
port_groups: { g: [ { port: p, count: 4 } ] }
rate_limits: { r: { cps: 4.0 } }
tests: [ { targets: t, port_group: g, rate_limit: r } ]
targets: { t: [ { ip: 10.0.0.1, port: 8100, tags: { a: b } } ] }
`,
];

const PIECES = [
  ...'{}[]:,-&*!|>%@`"\'#?~\n\t ',
  ...[
    '<<: ',
    '*w',
    '&w ',
    '? ',
    '---\n',
    '...\n',
    '!!binary ',
    '!!set ',
    '!!omap ',
    '!!int ',
    '!!null ',
    '!x ',
    '__proto__: ',
    'constructor: ',
    'prototype: ',
  ],
  ...[
    'null',
    'true',
    '.nan',
    '-.inf',
    '0x7fffffff',
    '1e400',
    '-1',
    '99999999999999999999',
    '1s',
    '0ms',
    '1e3s',
    '65536',
    '""',
  ],
  ...[
    'groups: ',
    'targets: ',
    'classes: ',
    'tags: ',
    'address: ',
    'collector: ',
    'interval: ',
    '224.0.0.1',
    '::',
    '\u0000',
    '\u2028',
    '\ud800',
    '🦙',
  ],
];

describe('parseConfig with damaged input', () => {
  it(`either reads it or throws a LlamaError that says where, in ${CASES} cases`, function () {
    this.timeout(120_000);
    const random = seededRandom(20_251_121).next;
    const below = (limit: number) => Math.floor(random() * limit);
    let read = 0;
    for (let i = 0; i < CASES; i++) {
      let text = SEED_TEXTS[below(SEED_TEXTS.length)] ?? '';
      for (let edits = 1 + below(4); edits > 0; edits--) {
        const at = below(text.length + 1);
        const cut = random() < 0.5 ? 0 : below(12);
        const put =
          random() < 0.3 ? text.slice(below(text.length), below(text.length)) : (PIECES[below(PIECES.length)] ?? '');
        text = text.slice(0, at) + put + text.slice(at + cut);
      }
      try {
        parseConfig(text, 'fuzz.yaml', {});
        read += 1;
      } catch (error) {
        if (!(error instanceof LlamaError))
          throw new Error(`case ${i} threw something else than a LlamaError for ${JSON.stringify(text)}`, {
            cause: error,
          });
        const { problems } = error;
        if (problems.length === 0 || problems.some(({ line = 0, column = 0 }) => line < 1 || column < 1))
          throw new Error(`case ${i} has no place for ${JSON.stringify(text)}`, { cause: error });
      }
    }
    // Both outcomes must be tried in earnest.
    expect(read).to.be.within(CASES * 0.02, CASES * 0.9);
  });
});
