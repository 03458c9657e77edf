import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import pino from 'pino';
import { LlamaError } from '../../../src/base/errors.js';
import { junkReporter, type ReflectorOptions, reflectorSettings } from '../../../src/cli/commands/reflector.js';
import { REFLECTOR_COUNTERS } from '../../../src/reflector/messages.js';
import { DEFAULT_SESSIONS, type ReflectorTotals } from '../../../src/reflector/reflector.js';
import { stampAuthPacket } from '../../support/fakes/packets.js';
import { stampRequest, UdpPeer } from '../../support/fakes/udpPeer.js';

const MODULE = new URL('../../../src/cli/commands/reflector.js', import.meta.url).href;

/** Runs `runReflector` in a process of its own, whose exit code is the result. */
function runInProcess(options: ReflectorOptions): ChildProcess {
  const source = `
    import { runReflector } from ${JSON.stringify(MODULE)};
    process.exitCode = await runReflector(${JSON.stringify(options)});`;
  return spawn(process.execPath, ['--input-type=module', '--eval', source], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Lines of the log, as they come. */
function logLines(child: ChildProcess): AsyncIterator<Record<string, unknown>> {
  if (child.stderr === null) throw new Error('stderr is not a pipe');
  const lines = createInterface({ input: child.stderr });
  return (async function* () {
    for await (const line of lines) yield JSON.parse(line) as Record<string, unknown>;
  })();
}

describe('llama reflector', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`answers, logs JSON on stderr only, and ends with exit code 0 within 2 s of ${signal}`, async () => {
      const child = runInProcess({ listen: ['127.0.0.1:0'], threads: '2', status: '127.0.0.1:0' });
      let stdout = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      const lines = logLines(child);
      const peer = await UdpPeer.open();
      try {
        const { value: first } = await lines.next();
        expect(first).to.include({ level: 'info', msg: 'answering probes', threads: 2 });
        const port = Number(String(first.listen).split(':')[1]);
        await peer.ask(stampRequest(1), port);
        const status = await fetch(`http://${first.status}/v1/status`);
        expect(await status.json())
          .to.have.property('totals')
          .that.includes({ reflected: 1 });
        const askedAtMs = performance.now();
        child.kill(signal);
        const [code] = await once(child, 'exit');
        expect(code).to.equal(0);
        expect(performance.now() - askedAtMs).to.be.lessThan(2000);
        expect((await lines.next()).value).to.include({ msg: 'ended', signal });
        expect(stdout).to.equal('');
      } finally {
        child.kill('SIGKILL');
        await peer.close();
      }
    });

  it('with --key-file answers only signed probes, and SIGHUP brings new keys, or leaves the old ones with the reason', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'llama-reflector-'));
    const keyFile = join(dir, 'keys');
    const [first, second] = ['text:the first key, long', 'text:the second key, long'];
    const ask = (line: string) => stampAuthPacket(1, Buffer.from(line.slice(5)));
    writeFileSync(keyFile, first, { mode: 0o644 });
    const child = runInProcess({ listen: ['127.0.0.1:0'], threads: '1', keyFile });
    const lines = logLines(child);
    const peer = await UdpPeer.open();
    try {
      expect((await lines.next()).value.msg)
        .to.include(keyFile)
        .and.to.include('chmod o=');
      const { value: started } = await lines.next();
      expect(started).to.include({ msg: 'answering probes', authenticated: true });
      const port = Number(String(started.listen).split(':')[1]);
      await peer.ask(ask(first), port);
      chmodSync(keyFile, 0o600);
      writeFileSync(keyFile, `${second}\nnonsense`);
      child.kill('SIGHUP');
      expect((await lines.next()).value)
        .to.include({ level: 'error', code: 'LLAMA_KEY_FILE' })
        .and.to.have.property('error')
        .that.includes(`${keyFile} (--key-file), line 2`);
      await peer.ask(ask(first), port);
      writeFileSync(keyFile, second);
      child.kill('SIGHUP');
      expect((await lines.next()).value).to.include({ msg: 'keys read again', keys: 1 });
      await peer.send(ask(first), port);
      await peer.send(stampRequest(1), port);
      await peer.ask(ask(second), port);
      child.kill('SIGTERM');
      const { value: ended } = await lines.next();
      expect(ended.totals).to.include({ reflectedStampAuth: 3, badHmac: 1, unauthenticated: 1 });
    } finally {
      child.kill('SIGKILL');
      await peer.close();
      rmSync(dir, { recursive: true });
    }
  });

  it('without --key-file SIGHUP does no harm', async () => {
    const child = runInProcess({ listen: ['127.0.0.1:0'], threads: '1' });
    const lines = logLines(child);
    try {
      await lines.next();
      child.kill('SIGHUP');
      expect((await lines.next()).value.msg).to.include('nothing to read again');
      child.kill('SIGTERM');
      expect((await once(child, 'exit'))[0]).to.equal(0);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('without options: default addresses, at most 4 threads, all sources, numbered sessions', () => {
    const { threads, ...rest } = reflectorSettings({});
    expect(rest).to.deep.equal({
      listen: null,
      maxPps: null,
      allow: [],
      maxShortPps: null,
      replyInterface: 'routed',
      stateful: DEFAULT_SESSIONS,
    });
    expect(threads).to.be.within(1, 4);
  });

  it('reads every option', () => {
    const settings = reflectorSettings({
      listen: ['127.0.0.1:1', '[::1]:2'],
      threads: '3',
      maxPps: '5000',
      allow: ['10.0.0.0/8'],
      maxSessions: '100',
      sessionTimeout: '5m',
      replyInterface: 'incoming',
    });
    expect(settings).to.deep.equal({
      listen: [
        { address: '127.0.0.1', family: 4, port: 1 },
        { address: '::1', family: 6, port: 2 },
      ],
      threads: 3,
      maxPps: 5000,
      allow: ['10.0.0.0/8'],
      maxShortPps: null,
      replyInterface: 'incoming',
      stateful: { maxSessions: 100, timeoutMs: 300_000 },
    });
    expect(reflectorSettings({ stateless: true }).stateful).to.equal(null);
  });

  it('answers short requests only where networks are named, 100 a second for each where nothing else is said', () => {
    const allow = ['10.0.0.0/8'];
    expect(reflectorSettings({ shortRequests: true, allow }).maxShortPps).to.equal(100);
    expect(reflectorSettings({ shortRequests: true, allow, maxShortPps: '7' }).maxShortPps).to.equal(7);
    expect(() => reflectorSettings({ shortRequests: true })).to.throw(LlamaError, 'without --allow');
    for (const all of ['0.0.0.0/0', '::/0', '::/00'])
      expect(() => reflectorSettings({ shortRequests: true, allow: [...allow, all] })).to.throw(
        LlamaError,
        `--allow ${all}, expected networks that do not hold every address`,
      );
    expect(reflectorSettings({ allow: ['0.0.0.0/0'] }).maxShortPps).to.equal(null);
    expect(() => reflectorSettings({ allow, maxShortPps: '7' })).to.throw(LlamaError, 'without --short-requests');
    expect(() => reflectorSettings({ shortRequests: true, allow, keyFile: 'k' })).to.throw(LlamaError, 'no HMAC');
  });

  const wrong: readonly [options: ReflectorOptions, option: string][] = [
    [{ listen: ['nowhere'] }, '--listen'],
    [{ threads: '0' }, '--threads'],
    [{ threads: '1.5' }, '--threads'],
    [{ threads: '1000' }, '--threads'],
    [{ maxPps: '-1' }, '--max-pps'],
    [{ maxPps: '20000001' }, '--max-pps'],
    [{ maxSessions: 'many' }, '--max-sessions'],
    [{ shortRequests: true, allow: ['2001:db8::/32'], maxShortPps: '0' }, '--max-short-pps'],
    [{ replyInterface: 'eth0' }, '--reply-interface'],
    [{ sessionTimeout: '300' }, '--session-timeout'],
    [{ stateless: true, sessionTimeout: '0s' }, '--session-timeout'],
  ];
  for (const [options, option] of wrong)
    it(`${JSON.stringify(options)} is refused with ${option} and the found value`, () => {
      expect(() => reflectorSettings(options))
        .to.throw(LlamaError, new RegExp(`^${option} ['"]`))
        .with.property('code', 'LLAMA_ARGUMENT_INVALID');
    });

  it('logs the counters when junk rose, and is silent when it did not', () => {
    const lines: string[] = [];
    const logger = pino({ base: null }, { write: (line: string) => void lines.push(line) });
    const totals = Object.fromEntries(
      [...REFLECTOR_COUNTERS, 'receiveQueueDrops'].map((name) => [name, 0]),
    ) as ReflectorTotals;
    const report = junkReporter(() => totals, logger);
    report();
    expect(lines).to.have.length(0);
    totals.tooShort = 3;
    totals.overRate = 4;
    report();
    totals.received = 100;
    report();
    expect(lines).to.have.length(1);
    expect(JSON.parse(lines[0])).to.include({ junk: 7 });
  });
});
