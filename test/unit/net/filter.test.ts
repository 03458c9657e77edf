/**
 * Runs the programs of `src/net/filter.ts` in a virtual machine: classic BPF as bpf(4) defines it. The socket tests run
 * them in the kernel.
 */

import { expect } from 'chai';
import {
  assembleFilter,
  echoReplies,
  FILTER_LINE_BYTES,
  type FilterLine,
  tcpAnswers,
} from '../../../src/net/filter.js';
import { seededRandom } from '../../support/harness/random.js';

/** How many bytes of the packet the program keeps; 0 when it reads behind its end, as in the kernel. */
function run(program: Uint8Array, packet: Uint8Array): number {
  const code = new DataView(program.buffer);
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  let a = 0;
  let x = 0;
  for (let at = 0; at < program.length; ) {
    const operation = code.getUint16(at, true);
    const operand = code.getUint32(at + 4, true);
    const skip = (holds: boolean): number => code.getUint8(at + (holds ? 2 : 3)) * FILTER_LINE_BYTES;
    let ahead = 0;
    try {
      if (operation === 0x30) a = view.getUint8(operand);
      else if (operation === 0x28) a = view.getUint16(operand);
      else if (operation === 0x50) a = view.getUint8(x + operand);
      else if (operation === 0x48) a = view.getUint16(x + operand);
      else if (operation === 0xb1) x = 4 * (view.getUint8(operand) & 0xf);
      else if (operation === 0x54) a = (a & operand) >>> 0;
      else if (operation === 0x15) ahead = skip(a === operand);
      else if (operation === 0x25) ahead = skip(a > operand);
      else if (operation === 0x35) ahead = skip(a >= operand);
      else if (operation === 0x06) return operand;
      else throw new Error(`operation ${operation}`);
    } catch (error) {
      if (error instanceof RangeError) return 0;
      throw error;
    }
    at += FILTER_LINE_BYTES + ahead;
  }
  throw new Error('the program has no end');
}

/** An IPv4 header of this many words (or none), then a TCP header. */
function tcpPacket(headerWords: number, port: number, flags: number): Uint8Array {
  const packet = new Uint8Array(headerWords * 4 + 20);
  if (headerWords > 0) packet[0] = 0x40 | headerWords;
  const view = new DataView(packet.buffer, headerWords * 4);
  view.setUint16(2, port);
  view.setUint8(13, flags);
  return packet;
}

const SYN_ACK = 0x12;
const RST_ACK = 0x14;

describe('socket filters', () => {
  const { below } = seededRandom(7);
  const lists: readonly (readonly [string, readonly number[]])[] = [
    ['one port', [40_000]],
    ['ports in a row', Array.from({ length: 64 }, (_, i) => 50_000 + i)],
    ['the first and the last port', [1, 65_535]],
    ['a thousand scattered ports', Array.from({ length: 1_000 }, () => 1_024 + below(64_000))],
    ['rows and single ports', [...Array.from({ length: 300 }, (_, i) => 2_000 + i * 3 - (i % 2)), 9_999]],
  ];
  for (const [what, ports] of lists) {
    it(`keep only SYN+ACK and RST+ACK to ${what}`, () => {
      const ours = new Set(ports);
      for (const family of [4, 6] as const) {
        const program = assembleFilter(tcpAnswers(family, ports));
        const near = ports.flatMap((port) => [port - 1, port, port + 1]).filter((port) => port >= 0 && port < 65_536);
        for (const port of [...near, 0, 80, 65_535, below(65_536)]) {
          const header = family === 4 ? 5 + below(11) : 0;
          for (const flags of [SYN_ACK, RST_ACK, RST_ACK | 0x08, SYN_ACK | 0x40])
            expect(run(program, tcpPacket(header, port, flags)) > 0, `${port} ${flags}`).to.equal(ours.has(port));
          for (const flags of [0x02, 0x10, 0x18, 0x11, 0x04, 0x06, 0x16, 0x00])
            expect(run(program, tcpPacket(header, port, flags)), `${port} ${flags}`).to.equal(0);
        }
      }
    });
  }

  it('drop packets that are too short for TCP', () => {
    expect(run(assembleFilter(tcpAnswers(4, [40_000])), tcpPacket(5, 40_000, SYN_ACK).subarray(0, 33))).to.equal(0);
    expect(run(assembleFilter(tcpAnswers(6, [40_000])), new Uint8Array(13))).to.equal(0);
  });

  it('keep only echo replies with our identifier', () => {
    const packet = (family: 4 | 6, type: number, identifier: number): Uint8Array => {
      const header = family === 4 ? 24 : 0;
      const bytes = new Uint8Array(header + 8);
      if (family === 4) bytes[0] = 0x46;
      bytes[header] = type;
      new DataView(bytes.buffer).setUint16(header + 4, identifier);
      return bytes;
    };
    for (const [family, reply, request, error] of [
      [4, 0, 8, 3],
      [6, 129, 128, 1],
    ] as const) {
      const program = assembleFilter(echoReplies(family, 0xbeef));
      expect(run(program, packet(family, reply, 0xbeef))).to.be.above(0);
      expect(run(program, packet(family, reply, 0xbeee))).to.equal(0);
      expect(run(program, packet(family, request, 0xbeef))).to.equal(0);
      expect(run(program, packet(family, error, 0xbeef))).to.equal(0);
    }
  });

  it('refuse a test with a target that is missing, before it, or too far away', () => {
    expect(() =>
      assembleFilter([
        ['equals', 1, 'nowhere', 'next'],
        ['keep', 0],
      ]),
    ).to.throw(RangeError, "'nowhere'");
    expect(() => assembleFilter([{ name: 'up' }, ['equals', 1, 'up', 'next'], ['keep', 0]])).to.throw(
      RangeError,
      "'up'",
    );
    const far: FilterLine[] = Array.from({ length: 256 }, () => ['keep', 0]);
    expect(() => assembleFilter([['equals', 1, 'far', 'next'], ...far, { name: 'far' }, ['keep', 1]])).to.throw(
      RangeError,
    );
  });
});
