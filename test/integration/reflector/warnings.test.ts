/** A reflector that drops packets says so: how many, why, and an example of from where. */

import { expect } from 'chai';
import type { Reflector } from '../../../src/reflector/reflector.js';
import { stampRequest } from '../../support/fakes/udpPeer.js';
import { Fixture, type Overrides } from '../../support/harness/reflector.js';
import { waitFor } from '../../support/harness/wait.js';

const SIGNED_BYTES = 112;
const KEY = Buffer.alloc(32, 7);

const CASES: readonly (readonly [string, Overrides, number, string])[] = [
  ['notAllowed', { allow: ['10.0.0.0/8'] }, 44, 'their source is in no network of --allow'],
  ['tooShort', {}, 13, 'they are too short for a probe of a known format'],
  ['badHmac', { keys: [KEY] }, SIGNED_BYTES, 'their HMAC is of no key of --key-file'],
  ['unauthenticated', { keys: [KEY] }, 44, 'they are not signed, and --key-file asks for it'],
  ['overRate', { maxPps: 1 }, 44, 'they were above --max-pps'],
];

describe('warnings of a reflector', () => {
  const fixture = new Fixture();
  afterEach(() => fixture.closeAll());

  const about = (reflector: Reflector, counter: string): string | undefined =>
    reflector.status().warnings.find((text) => text.startsWith(`${counter}: `));

  for (const [counter, overrides, bytes, reason] of CASES)
    it(`${counter}: says how many, why, and from where the last one came`, async () => {
      const { reflector, port } = await fixture.reflector(overrides);
      const peer = await fixture.peer();
      expect(reflector.status().warnings).to.deep.equal([]);
      const request = bytes === 44 ? stampRequest(1) : Buffer.alloc(bytes);
      for (let i = 0; i < 20; i++) await peer.send(request, port);
      const said = await waitFor('the warning', () => about(reflector, counter));
      const example = `${bytes} bytes from 127\\.0\\.0\\.1:${peer.port}`;
      expect(said).to.match(
        new RegExp(`^${counter}: \\d+ packets were dropped: ${reason}, for example ${example}, since `),
      );
    });
});
