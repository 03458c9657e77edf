/** A start that runs out of descriptors half way leaves nothing open, wherever it fails. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Attempt } from '../../support/processes/fewDescriptors.js';

const SCRIPT = fileURLToPath(new URL('../../support/processes/fewDescriptors.js', import.meta.url));

describe('few descriptors', function () {
  this.timeout(120_000);

  for (const what of ['collector', 'reflector'])
    it(`a ${what} that can not start closes all that it has opened`, () => {
      const { stdout, stderr } = spawnSync(process.execPath, [SCRIPT, what], { encoding: 'utf8' });
      const attempts = stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Attempt => JSON.parse(line));
      // The collector of the test opens four sockets and four wake descriptors before its threads, the reflector two and two.
      expect(attempts.length, stderr).to.be.at.least(4);
      expect(attempts.filter(({ leaked }) => leaked !== 0)).to.deep.equal([]);
    });
});
