/**
 * A collector with its API in a process of its own, whose wall clock is START_MS at its start: PORT START_MS
 * TARGET_PORT [STATE_DIR]. It says "ready".
 */

import { buildApi } from '../../../../src/api/collector/app.js';
import { Collector } from '../../../../src/collector/collector.js';
import { InjectedStep } from '../../../../src/net/clock.js';
import { liveConfig, makeGroup, silent } from '../../../support/harness/live.js';

const INTERVAL_MS = 500;

const [port, startMs, targetPort, stateDir = null] = process.argv.slice(2);
const clockStep = new InjectedStep();
clockStep.aheadS = (Number(startMs) - Date.now()) / 1000;
const config = { ...liveConfig({ intervalMs: INTERVAL_MS }), stateDir };
const collector = await Collector.start(config, { logger: silent, clockStep });
await collector.putGroup(
  makeGroup('west', { port: Number(targetPort), period: '20ms', timeout: '200ms', targets: ['127.0.0.1'] }),
);
await buildApi(collector).listen({ port: Number(port), host: '127.0.0.1' });
process.on('SIGTERM', () => void collector.close().then(() => process.exit()));
console.log('ready');
