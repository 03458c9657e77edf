import { expect } from 'chai';
import { LlamaError } from '../../../../src/base/errors.js';
import { readConfig } from '../../../../src/config/collector/config.js';
import { strangeVariables } from '../../../../src/config/options/environment.js';
import { allOptions } from '../../../../src/config/options/options.js';

const KNOWN = allOptions().map(({ option }) => option.env);

function load(env: Readonly<Record<string, string>>) {
  return readConfig('groups: {}', 'c.yaml', env);
}

describe('variables of the environment', () => {
  for (const [name, meant] of Object.entries({
    LLAMA_SOURCE_PORT: 'LLAMA_SOURCE_PORTS',
    LLAMA_STATEDIR: 'LLAMA_STATE_DIR',
    LLAMA_API_TOKENFILE: 'LLAMA_API_TOKEN_FILE',
    LLAMA_API_READTOKENFILE: 'LLAMA_API_READ_TOKEN_FILE',
    LLAMA_COLLECTOR_WORKER: 'LLAMA_COLLECTOR_WORKERS',
    LLAMA_LOGLEVEL: 'LLAMA_LOG_LEVEL',
    LLAMA_API_LISTN: 'LLAMA_API_LISTEN',
  }))
    it(`${name} is an error that names ${meant}`, () => {
      try {
        load({ [name]: '4' });
      } catch (error) {
        if (!(error instanceof LlamaError)) throw error;
        expect(error.code).to.equal('LLAMA_CONFIG_INVALID');
        expect(error.message).to.equal(
          `found the environment variable ${name}, expected one of those that "llama help collector" lists; did you mean ${meant}?`,
        );
        return;
      }
      throw new Error('it was taken for right');
    });

  it('of other programs are only warned of', () => {
    const { warnings } = load({ LLAMA_CLOUD_API_KEY: 'x', LLAMA_ARG_MODEL: 'y', HOME: '/' });
    expect(warnings).to.have.length(2);
    expect(warnings[0]).to.match(/^found the environment variable LLAMA_CLOUD_API_KEY, .*; it has no effect; unset it/);
  });

  it('that are known, empty, or set by Kubernetes for a service pass', () => {
    const fine = {
      ...Object.fromEntries(KNOWN.map((name) => [name, 'x'])),
      LLAMA_LOG_LEVEL: 'debug',
      LLAMA_SOURCE_PORT: '',
      LLAMA_SERVICE_HOST: '10.0.0.1',
      LLAMA_SERVICE_PORT: '8100',
      LLAMA_SERVICE_PORT_HTTP: '5000',
      LLAMA_PORT: 'tcp://10.0.0.1:5000',
      LLAMA_COLLECTOR_PORT: 'tcp://10.0.0.1:5000',
      LLAMA_PORT_8100_UDP: 'udp://10.0.0.1:8100',
      LLAMA_COLLECTOR_PORT_5000_TCP_ADDR: '10.0.0.1',
    };
    expect(strangeVariables(fine, KNOWN)).to.deep.equal([]);
  });
});
