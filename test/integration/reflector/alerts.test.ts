/** The example alerts of a reflector on made-up series. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import { reflectorMetrics } from '../../../src/reflector/metrics.js';
import { metricFamilies } from '../../support/harness/exposition.js';
import { needs } from '../../support/harness/needs.js';
import { Fixture } from '../../support/harness/reflector.js';
import { firesWith } from '../../support/processes/promtool.js';

const ALERTS = fileURLToPath(new URL('../../../../config/prometheus/reflector-alerts.yaml', import.meta.url));
const R = 'instance="r:8101",job="llama-reflector"';
const RECEIVED = { [`llama_reflector_packets_received_total{${R}}`]: '0+6000x30' };

const CASES: readonly (readonly [string, boolean, string, Readonly<Record<string, string>>])[] = [
  ['LlamaReflectorDown', true, 'a failed scrape', { [`up{${R}}`]: '0x30' }],
  ['LlamaReflectorDown', false, 'a collector that is down', { 'up{job="llama"}': '0x30' }],
  ['LlamaReflectorThreadDied', true, 'a restart', { [`llama_reflector_thread_restarts_total{${R}}`]: '0x10 1x20' }],
  [
    'LlamaReflectorThreadDied',
    true,
    'a thread that does not run',
    { [`llama_reflector_threads{${R},state="restarting"}`]: '1x30' },
  ],
  [
    'LlamaReflectorThreadDied',
    false,
    'threads that run',
    { [`llama_reflector_threads{${R},state="running"}`]: '2x30' },
  ],
  [
    'LlamaReflectorNotListening',
    true,
    'an address whose interface is gone',
    { [`llama_reflector_listening{${R},listen="[fe80::2%eth0]:8100"}`]: '0x30' },
  ],
  [
    'LlamaReflectorNotListening',
    false,
    'an address that was gone for a moment',
    { [`llama_reflector_listening{${R},listen="[fe80::2%eth0]:8100"}`]: '1x10 0 1x20' },
  ],
  [
    'LlamaReflectorDrops',
    true,
    'packets that are all signed with a wrong key',
    { ...RECEIVED, [`llama_reflector_packets_dropped_total{${R},reason="badHmac"}`]: '0+6000x30' },
  ],
  [
    'LlamaReflectorDrops',
    false,
    "a scanner's packet now and then",
    { ...RECEIVED, [`llama_reflector_packets_dropped_total{${R},reason="tooShort"}`]: '0+3x30' },
  ],
  ['LlamaReflectorDrops', true, 'replies that are refused', { [`llama_reflector_send_errors_total{${R}}`]: '0+1x30' }],
  [
    'LlamaReflectorDrops',
    true,
    'a full receive queue',
    { [`llama_reflector_receive_queue_drops_total{${R}}`]: '0+1x30' },
  ],
  [
    'LlamaReflectorNotListening',
    true,
    'an address that is gone',
    { [`llama_reflector_listening{${R},listen="10.0.0.1:8100"}`]: '0x30' },
  ],
  [
    'LlamaReflectorNotListening',
    false,
    'addresses that are there',
    { [`llama_reflector_listening{${R},listen="10.0.0.1:8100"}`]: '1x30' },
  ],
  ['LlamaReflectorSessions', true, 'too many senders', { [`llama_reflector_sessions_evicted_total{${R}}`]: '0+5x30' }],
  [
    'LlamaReflectorSessions',
    false,
    'senders evicted long ago',
    { [`llama_reflector_sessions_evicted_total{${R}}`]: '5x30' },
  ],
  ['LlamaReflectorWarnings', true, 'a warning that stays', { [`llama_reflector_warnings{${R}}`]: '1x30' }],
  ['LlamaReflectorWarnings', false, 'no warning', { [`llama_reflector_warnings{${R}}`]: '0x30' }],
];

describe('config/prometheus/reflector-alerts.yaml', () => {
  const text = readFileSync(ALERTS, 'utf8');
  const fixture = new Fixture();
  before(function () {
    needs(this, 'prometheus');
  });
  after(() => fixture.closeAll());

  it('is valid', () => {
    const { status, stderr } = spawnSync('promtool', ['check', 'rules', ALERTS], { encoding: 'utf8' });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  });

  it('uses only metrics that there are', async () => {
    const { reflector } = await fixture.reflector();
    const body = await reflectorMetrics(() => reflector.status()).metrics();
    const known = metricFamilies(body).map(({ name }) => name);
    for (const [name] of text.matchAll(/\bllama_[a-z_]+/g)) expect(known).to.include(name);
  });

  it('has a case here for every alert', () => {
    const { groups } = parse(text) as { groups: { rules: { alert: string }[] }[] };
    const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    const firing = CASES.flatMap(([alert, fires]) => (fires ? [alert] : []));
    expect([...new Set(firing)]).to.have.members(alerts);
  });

  for (const [alert, fires, title, series] of CASES)
    it(`${alert} ${fires ? 'fires' : 'keeps quiet'} with ${title}`, async () => {
      expect(await firesWith(ALERTS, alert, series)).to.equal(fires);
    });
});
