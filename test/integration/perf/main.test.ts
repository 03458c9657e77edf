import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const PROGRAM = fileURLToPath(new URL('../../../perf/main.js', import.meta.url));
const perf = (...args: string[]) => spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8' });

describe('npm run perf', () => {
  it('measures one scenario, in turns with its baseline, and ends with 0 when its floors hold', function () {
    this.timeout(60_000);
    const { status, stdout, stderr } = perf('--quick', '--scenario', 'aggregate');
    expect(status, stdout + stderr).to.equal(0);
    expect(stdout).to.match(/ratio +[\d.]+ +7 +[\d.]+ to [\d.]+ +>= 0.8 +>= 0.5/);
    expect(stdout).to.contain('every floor holds');
  });

  it('ends with 1 for a scenario that it does not have, and for a checkout that is not built', () => {
    const unknown = perf('--scenario', 'speed');
    expect(unknown.status).to.equal(1);
    expect(unknown.stderr).to.contain('there is no scenario speed; there are pipeline');
    const unbuilt = perf('--against', '/nonexistent', '--scenario', 'aggregate');
    expect(unbuilt.status).to.not.equal(0);
    expect(unbuilt.stderr).to.contain('run "npm ci && npm run build" in /nonexistent');
  });
});
