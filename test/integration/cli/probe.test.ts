import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import { UdpPeer } from '../../support/fakes/udpPeer.js';
import { waitFor } from '../../support/harness/wait.js';
import { endCommands, llama, llamaEnds, startReflector } from '../../support/processes/command.js';

describe('llama probe', () => {
  let port: number;
  before(async () => {
    ({ port } = await startReflector());
  });
  after(endCommands);

  it('--json prints a result per class, with exactly as many probes as asked for', async () => {
    const { code, out, err } = await llamaEnds([
      ...['probe', `127.0.0.1:${port}`, '--count', '101', '--period', '10ms', '--source-ports', '4', '--json'],
      ...['--class', 'ef', '--class', '10'],
    ]);
    expect([code, err]).to.deep.equal([0, '']);
    const { results, ...rest } = JSON.parse(out);
    expect(rest).to.deep.equal({ undecided: 0, lossPct: { least: 0, most: 0 } });
    expect(results.map((row: { class: string; dscp: number }) => [row.class, row.dscp])).to.deep.equal([
      ['ef', 46],
      ['10', 10],
    ]);
    const sums = { sent: 0, received: 0 };
    for (const row of results) {
      expect(row).to.have.all.keys(
        ...['group', 'protocol', 'source', 'target', 'port', 'class', 'dscp', 'tags', 'sent', 'received', 'lost'],
        ...['unreachable', 'lossPct', 'late', 'duplicates', 'reordered', 'sendErrors', 'localDrops', 'tooBig', 'rttUs'],
        ...['sendErrorsBy', 'unreachableBy', 'tooBigBy'],
        ...['mtu', 'residenceUs', 'jitterUs', 'lostForward', 'lostReverse', 'lostUnknown', 'forwardUs', 'reverseUs'],
        ...['dscpForward', 'dscpReverse', 'remarked', 'ceMarks', 'hopsForward', 'hopsReverse', 'hopChanges'],
      );
      expect(row).to.include({ protocol: 'stamp', source: '127.0.0.1', target: '127.0.0.1', port, lossPct: 0 });
      expect(row.sent).to.equal(row.received + row.lost + row.unreachable + row.localDrops);
      const { min, p50, p90, p99, p999, max } = row.rttUs;
      expect([min, p50, p90, p99, p999, max]).to.deep.equal([min, p50, p90, p99, p999, max].sort((a, b) => a - b));
      expect(min).to.be.greaterThan(0);
      sums.sent += row.sent;
      sums.received += row.received;
    }
    expect(sums).to.deep.equal({ sent: 101, received: 101 });
  });

  for (const protocol of ['llama', 'llama-legacy'])
    it(`--protocol ${protocol} measures with that format`, async () => {
      const args = ['probe', `127.0.0.1:${port}`, '--protocol', protocol, '--count', '20', '--period', '5ms', '--json'];
      const { code, out, err } = await llamaEnds(args);
      expect([code, err]).to.deep.equal([0, '']);
      const [row] = JSON.parse(out).results;
      expect(row).to.include({ protocol, sent: 20, received: 20, residenceUs: null, lostForward: 0 });
    });

  it('--key-file names the file and its problem', async () => {
    const { code, err } = await llamaEnds(['probe', `127.0.0.1:${port}`, '--key-file', '/tmp/nowhere/keys']);
    expect(code).to.equal(1);
    expect(err).to.match(/--key-file: \/tmp\/nowhere\/keys.*found no file that can be read/);
  });

  it('prints a table and the distribution of every class', async () => {
    const { code, out } = await llamaEnds(['probe', `localhost:${port}`, '--count', '20', '--period', '2ms']);
    expect(code).to.equal(0);
    expect(out).to.match(
      /^127\.0\.0\.1:\d+: 20 probes, one every 2ms, from 16 source ports\n\nclass +sent +received +lost/,
    );
    expect(out).to.match(/^cs0 +20 +20 +0 +0 +0 %( +[\d.]+ [mu]s){6}$/m);
    const counts = [...out.slice(out.indexOf('round-trip time from:')).matchAll(/^ +[\d.]+ [mu]s +(\d+)/gm)];
    expect(counts.reduce((sum, [, count]) => sum + Number(count), 0)).to.equal(20);
  });

  it('counts probes of a closed port unreachable, not lost', async () => {
    const peer = await UdpPeer.open();
    const { port: closed } = peer;
    await peer.close();
    const { code, out, err } = await llamaEnds(['probe', `127.0.0.1:${closed}`, '--count', '10', '--json']);
    expect(code).to.equal(3);
    const [row] = JSON.parse(out).results;
    expect(row).to.include({ sent: 10, received: 0, lost: 0, unreachable: 10, rttUs: null });
    expect(row.unreachableBy).to.deep.equal([
      { count: 10, type: 3, code: 3, reason: 'port unreachable', from: '127.0.0.1' },
    ]);
    expect(err).to.include('note: cs0: unreachable: 10 × port unreachable from 127.0.0.1\n');
    expect(err).to.include(`note: no reply came from 127.0.0.1:${closed}: a reflector may be missing there`);
  });

  it('counts unanswered probes of a silent host as lost, and ends soon after the timeout', async () => {
    const silent = await UdpPeer.open();
    const target = `127.0.0.1:${silent.port}`;
    const { code, out } = await llamaEnds(['probe', target, '--count', '5', '--timeout', '50ms', '--json']);
    expect(code).to.equal(3);
    expect(JSON.parse(out).results[0]).to.include({ sent: 5, received: 0, lost: 5, unreachable: 0, lossPct: 100 });
    expect(silent.received).to.have.length(5);
    const text = await llamaEnds(['probe', target, '--count', '5', '--timeout', '50ms']);
    await silent.close();
    expect(text.out).not.to.match(/lostUnknown|direction/);
    expect(text.err).to.include(`note: no reply came from ${target}: a reflector may be missing there`);
  });

  for (const [title, answer, says] of [
    ['too short to be replies', (bytes: Buffer) => bytes.subarray(0, 20), '20 bytes'],
    ['of another protocol', () => Buffer.alloc(700, 'no reply'), '700 bytes'],
  ] as const)
    it(`reports the replies when packets are ${title}: how long, and from where`, async () => {
      const socket = createSocket('udp4');
      socket.on('message', (bytes, { port: to, address }) => socket.send(answer(bytes), to, address));
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      const target = `127.0.0.1:${socket.address().port}`;
      const { code, err } = await llamaEnds(['probe', target, '--count', '10', '--timeout', '200ms']);
      socket.close();
      expect(code).to.equal(3);
      expect(err).to.include(`packets came that cannot be read as a reply, for example ${says} from ${target}`);
    });

  it('prints partial results when it is interrupted', async () => {
    const silent = await UdpPeer.open();
    const command = llama(['probe', `127.0.0.1:${silent.port}`, '--count', '100000', '--timeout', '100ms']);
    await waitFor('probes', () => silent.received.length > 3);
    command.signal('SIGINT');
    expect(await command.exit(), 'nothing was received').to.equal(3);
    expect(command.out).to.match(/: \d+ of 100000 probes/);
    await silent.close();
  });

  for (const json of [false, true])
    it(`ends with 2 and names the undecided probes when no timeout is over at the end${json ? ', with --json' : ''}`, async () => {
      const silent = await UdpPeer.open();
      const command = llama([
        ...['probe', `127.0.0.1:${silent.port}`, '--count', '1000', '--timeout', '20s'],
        ...(json ? ['--json'] : []),
      ]);
      await waitFor('probes', () => silent.received.length > 3);
      command.signal('SIGTERM');
      expect(await command.exit(), 'nothing was decided against the target').to.equal(2);
      await silent.close();
      if (json) {
        const { results, undecided, lossPct } = JSON.parse(command.out);
        expect([results, lossPct]).to.deep.equal([[], null]);
        expect(undecided).to.be.greaterThan(3);
        return;
      }
      const [, planned, undecided, sent] =
        /: (\d+) of 1000 probes.*^(\d+) of (\d+) probes undecided: the measurement ended before their timeout of 20s; the loss is unknown$/ms.exec(
          command.out,
        ) ?? [];
      expect(Number(sent)).to.be.greaterThan(3);
      expect([planned, undecided]).to.deep.equal([sent, sent]);
      expect(command.out).not.to.include('%');
    });

  for (const [args, says] of [
    [['127.0.0.1:70000'], 'a port from 1 to 65535'],
    [['::1:2:3:4:5:6:7:8:9'], 'expected a host'],
    [['127.0.0.1', '--count', '0'], '--count "0": expected a whole number from 1 to'],
    [['127.0.0.1', '--count', '1e3'], '--count "1e3": expected a whole number'],
    [['127.0.0.1', '--period', '10'], '--period "10": expected a duration'],
    [
      ['127.0.0.1', '--period', '2h'],
      '--period "2h": expected a duration with a unit, such as 10ms or 1s, from 1ns to 1h',
    ],
    [['127.0.0.1', '--period', '0s'], 'from 1ns to 1h'],
    [
      ['127.0.0.1', '--timeout', '0s'],
      '--timeout "0s": expected a duration with a unit, such as 10ms or 1s, from 1ms to 1m',
    ],
    [['::1:8100'], 'may be meant as port 8100 of ::1; write [::1]:8100 or [::1:8100]'],
    [['fe80::1%lo:862'], 'port 862 of fe80::1%lo; write [fe80::1%lo]:862'],
    [['127.0.0.1', '--period', '1us', '--timeout', '60s', '--source-ports', '1'], 'found a need of'],
    [['127.0.0.1', '--timeout', '2m'], '--timeout "2m": expected a duration'],
    [['127.0.0.1', '--source-ports', '5000'], '--source-ports "5000": expected a whole number from 1 to 4096'],
    [['127.0.0.1', '--class', 'gold'], '--class: found "gold", expected a class'],
    [
      ['127.0.0.1', '--class', 'ef,cs0'],
      '--class "ef,cs0": found a list, expected one class; repeat --class: --class ef --class cs0',
    ],
    [['127.0.0.1', '--class', 'ef', '--class', '46'], '--class: found'],
    [['127.0.0.1', '--protocol', 'stmp'], '--protocol: found "stmp"'],
    [['224.0.0.1'], 'host: found "224.0.0.1", a multicast address'],
    [['name.invalid'], 'name.invalid does not resolve to an address'],
  ] as const)
    it(`refuses '${args.join(' ')}', naming the option, with exit code 1`, async () => {
      const { code, out, err } = await llamaEnds(['probe', ...args]);
      expect([code, out]).to.deep.equal([1, '']);
      expect(err).to.include(says).and.not.include('    at ');
    });
});
