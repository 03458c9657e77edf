/** What a test may need of the machine. A test that can't run says why on the console; in CI that is a failure. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CHECKS = {
  root: { met: () => process.getuid?.() === 0, say: 'needs root (network namespaces, forced buffers)' },
  nft: { met: () => succeeds('nft', '--version'), say: 'needs nft: apt-get install nftables' },
  ip: { met: () => succeeds('ip', '-V'), say: 'needs ip: apt-get install iproute2' },
  conntrack: { met: () => succeeds('conntrack', '--version'), say: 'needs conntrack: apt-get install conntrack' },
  tcpdump: { met: () => succeeds('tcpdump', '--version'), say: 'needs tcpdump: apt-get install tcpdump' },
  openssl: { met: () => succeeds('openssl', 'version'), say: 'needs openssl: apt-get install openssl' },
  python3: { met: () => succeeds('python3', '--version'), say: 'needs python3: apt-get install python3' },
  curl: { met: () => succeeds('curl', '--version'), say: 'needs curl: apt-get install curl' },
  tshark: { met: () => succeeds('tshark', '--version'), say: 'needs tshark: apt-get install tshark' },
  prometheus: {
    met: () => succeeds('prometheus', '--version') && succeeds('promtool', '--version'),
    say: 'needs prometheus and promtool: apt-get install prometheus',
  },
  chromium: { met: () => succeeds('chromium', '--version'), say: 'needs chromium: apt-get install chromium' },
  schemathesis: {
    met: () => succeeds(schemathesis(), '--version'),
    say: 'needs schemathesis: python3 -m venv .venv && .venv/bin/pip install -r test/support/requirements.txt',
  },
  zsh: { met: () => succeeds('zsh', '--version'), say: 'needs zsh: apt-get install zsh' },
  fish: { met: () => succeeds('fish', '--version'), say: 'needs fish: apt-get install fish' },
  man: { met: () => succeeds('man', '--version'), say: 'needs man: apt-get install man-db' },
  influxd: { met: () => succeeds('influxd', 'version'), say: 'needs influxd: apt-get install influxdb' },
  victoriaMetrics: {
    met: () => succeeds('victoria-metrics', '-version'),
    say: 'needs victoria-metrics: apt-get install victoria-metrics',
  },
} as const;
export type Need = keyof typeof CHECKS;

/** The program that .ci/run installs, else one on the path. */
export function schemathesis(): string {
  const installed = fileURLToPath(new URL('../../../../.venv/bin/schemathesis', import.meta.url));
  return existsSync(installed) ? installed : 'schemathesis';
}

function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Call in a `before` hook: skips the suite, or fails it in CI, when a need is not met. */
export function needs(context: Mocha.Context, ...list: Need[]): void {
  for (const need of list) {
    const check = CHECKS[need];
    if (check.met()) continue;
    if (process.env.CI === 'true') throw new Error(`in CI nothing may be skipped: ${check.say}`);
    console.log(`      skipped: ${check.say}`);
    context.skip();
  }
}
