/** Names that mean something in JavaScript are names like others: of groups, tags, and of everything in LLAMA's forms. */

import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { buildApi } from '../../../src/api/collector/app.js';
import { Collector } from '../../../src/collector/collector.js';
import { parseConfig, printConfig, readConfig } from '../../../src/config/collector/config.js';
import type { Group } from '../../../src/config/types.js';
import { waitFor } from '../../support/harness/wait.js';

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];

/** Names of tags and their values: `deep.equal` does not look at `__proto__`. */
const tagsOf = (group: Group): [string, string][][] => group.targets.map(({ tags }) => Object.entries(tags));

function expectGroup(text: string, name: string, tags: readonly (readonly [string, string])[]): void {
  const loaded = readConfig(text, 'c.yaml', {});
  for (const { config } of [loaded, readConfig(printConfig(loaded, 'heading'), 'printed.yaml', {})]) {
    expect(config.groups.map((group) => group.name)).to.deep.equal([name]);
    expect(tagsOf(config.groups[0])).to.deep.equal([tags]);
  }
}

describe('names that JavaScript knows', () => {
  let collector: Collector;
  let app: FastifyInstance;

  before(async () => {
    const text = 'collector: { interval: 100ms, workers: 1 }\nsource: { ports: 1 }\ngroups: {}';
    collector = await Collector.start(parseConfig(text, 'c.yaml', {}), { logger: pino({ level: 'silent' }) });
    await collector.measure();
    app = buildApi(collector);
  });
  after(async () => {
    await app?.close();
    await collector?.close(0);
  });

  const call = (method: 'GET' | 'PUT' | 'PATCH' | 'DELETE', url: string, payload?: string) =>
    app.inject({ method, url, ...(payload && { payload, headers: { 'content-type': 'application/json' } }) });

  for (const name of NAMES) {
    it(`${name} is a group and a tag in a config file, and when it is printed`, () => {
      const text = `groups: { ${name}: { targets: [ { address: 10.0.0.1, tags: { ${name}: a, b: c } } ] } }`;
      expectGroup(text, name, [
        [name, 'a'],
        ['b', 'c'],
      ]);
    });

    it(`${name} is everything that has a name in LLAMA's full form`, () => {
      const text = `
ports: { ${name}: { timeout: 1000 } }
port_groups: { ${name}: [ { port: ${name}, count: 4 } ] }
rate_limits: { ${name}: { cps: 4.0 } }
tests: [ { targets: ${name}, port_group: ${name}, rate_limit: ${name} } ]
targets: { ${name}: [ { ip: 10.1.0.2, port: 8100, tags: { ${name}: x } } ] }
${name}: 1
`;
      expectGroup(text, name, [[name, 'x']]);
      expect(readConfig(text, 'c.yaml', {}).notes.join('\n')).to.include(`does not know the key "${name}"`);
    });

    it(`${name} is a tag in LLAMA's simple form`, () => {
      expectGroup(`10.0.0.1: { ${name}: a }`, 'default', [[name, 'a']]);
    });

    it(`${name} is a name in LLAMA's full form that nothing has, unless something has it`, () => {
      const text = `
ports: { p: { timeout: 1000 } }
port_groups: { g: [ { port: p, count: 4 } ] }
rate_limits: { r: { cps: 4.0 } }
tests: [ { targets: ${name}, port_group: g, rate_limit: r } ]
targets: { t: [ { ip: 10.1.0.2, port: 8100 } ] }
`;
      expect(() => readConfig(text, 'c.yaml', {})).to.throw(`/tests/0/targets: found "${name}", expected the name of`);
    });

    it(`${name} is a group and a tag over REST, in the results and in LLAMA's interfaces`, async () => {
      const url = `/v1/groups/${name}`;
      const target = (address: string) => `{"address":"${address}","tags":{"${name}":"x","b":"y"}}`;
      const put = await call('PUT', url, `{"period":"20ms","timeout":"1ms","targets":[${target('127.0.0.1')}]}`);
      expect([put.statusCode, put.body]).to.deep.equal([201, put.body]);
      expect((await call('PATCH', `${url}/targets`, `{"add":[${target('127.0.0.2')}]}`)).statusCode).to.equal(200);
      expect((await call('GET', url)).body).to.include(`"targets":[${target('127.0.0.1')},${target('127.0.0.2')}]`);
      const [rows, point] = [`"tags":{"${name}":"x","b":"y"}`, `"${name}":"x"`];
      await waitFor('a row', async () => (await call('GET', `/v1/results?group=${name}`)).body.includes(rows));
      await waitFor('a point', async () => (await call('GET', '/influxdata')).body.includes(point));
      expect((await call('GET', '/metrics')).body).to.include(`{group="${name}",`);
      expect((await call('DELETE', url)).statusCode).to.equal(204);
    });

    it(`${name} is no key of a group, and the answer says so`, async () => {
      for (const value of ['{"prototype":{"a":1}}', '{"targets":["10.0.0.1"]}']) {
        const answer = await call('PUT', '/v1/groups/bad', `{"${name}":${value},"targets":["127.0.0.1"]}`);
        expect(answer.statusCode).to.equal(400);
        expect(answer.json().problems).to.have.length(1);
        expect(answer.json().problems[0]).to.include({ path: `/${name}` });
      }
      expect(Object.keys(Object.prototype)).to.deep.equal([]);
    });
  }
});
