/**
 * Socket filters: small programs that the kernel runs on each packet of a raw socket (classic BPF, `SO_ATTACH_FILTER`).
 * They pass only replies to probes, so that a host's other TCP or ICMP packets neither wake the process nor fill its
 * queue.
 *
 * A program is a table of lines, read from the top; a test names the lines where it continues. The reader of the socket
 * must check each reply again, and never rely on the filter.
 *
 * `sock_filter`, 8 bytes; `sock_fprog` is their count u16 and, at 8, a pointer to them:
 *
 * | offset | field |
 * | ---: | --- |
 * | 0 | operation u16 |
 * | 2 | lines to skip when the test is true, u8 |
 * | 3 | lines to skip when it is false, u8 |
 * | 4 | operand u32 |
 */

import type { Family } from './address.js';

export const FILTER_LINE_BYTES = 8;
/** The kernel's limit. */
const MAX_FILTER_LINES = 4096;

/** Loads go into the accumulator A; offsets count from the start of the socket's packet. `x…`: plus the index X. */
const OPERATION = {
  /** A = byte, 16 bits, 32 bits at the operand. */
  byte: 0x30,
  half: 0x28,
  word: 0x20,
  /** The same at X + operand. */
  xByte: 0x50,
  xHalf: 0x48,
  xWord: 0x40,
  /** X = the length of the IPv4 header at the operand. */
  xHeader: 0xb1,
  and: 0x54,
  /** Tests of A against the operand. */
  equals: 0x15,
  above: 0x25,
  atLeast: 0x35,
  /** Ends with this many bytes of the packet; 0 drops it. */
  keep: 0x06,
} as const;

type Test = 'equals' | 'above' | 'atLeast';
/** One line, or the name of the next one. `next` is the line below. */
export type FilterLine =
  | readonly [operation: Exclude<keyof typeof OPERATION, Test>, operand: number]
  | readonly [test: Test, operand: number, holds: string, otherwise: string]
  | { readonly name: string };

const isName = (line: FilterLine): line is { readonly name: string } => 'name' in line;

/** @throws RangeError when the target line of a test is missing, before the test, or too far away. */
export function assembleFilter(lines: readonly FilterLine[]): Uint8Array {
  const places = new Map<string, number>();
  const code = [];
  for (const line of lines) {
    if (isName(line)) places.set(line.name, code.length);
    else code.push(line);
  }
  if (code.length > MAX_FILTER_LINES)
    throw new RangeError(`a filter of ${code.length} lines; the kernel takes ${MAX_FILTER_LINES}`);
  const bytes = new Uint8Array(code.length * FILTER_LINE_BYTES);
  const view = new DataView(bytes.buffer);
  const skip = (from: number, name: string): number => {
    const lines = name === 'next' ? 0 : (places.get(name) ?? Number.NaN) - from - 1;
    if (lines >= 0 && lines <= 255) return lines;
    throw new RangeError(`line ${from} cannot go on at '${name}'`);
  };
  for (const [i, line] of code.entries()) {
    const at = i * FILTER_LINE_BYTES;
    view.setUint16(at, OPERATION[line[0]], true);
    if (line.length === 4) {
      view.setUint8(at + 2, skip(i, line[2]));
      view.setUint8(at + 3, skip(i, line[3]));
    }
    view.setUint32(at + 4, line[1], true);
  }
  return bytes;
}

const WHOLE = 0xffff_ffff;
const KEEP: FilterLine = ['keep', WHOLE];
const DROP: FilterLine = ['keep', 0];

/** Ports in one stretch of the list below: few enough for a test at its top to skip them all. */
const PORTS_A_STRETCH = 100;

/** Mask of FIN, SYN, RST and ACK, which identify both kinds of answers to a SYN. */
const ANSWER_FLAGS = 0x17;
const SYN_ACK = 0x12;
const RST_ACK = 0x14;

/**
 * Answers to SYNs from `ports`: SYN+ACK or RST+ACK to one of them. A raw IPv4 socket's packets begin with the IP
 * header.
 */
export function tcpAnswers(family: Family, ports: readonly number[]): readonly FilterLine[] {
  const [half, byte] = family === 4 ? (['xHalf', 'xByte'] as const) : (['half', 'byte'] as const);
  const start: FilterLine[] = family === 4 ? [['xHeader', 0]] : [];
  return [
    ...start,
    [byte, 13],
    ['and', ANSWER_FLAGS],
    ['equals', SYN_ACK, 'ports', 'next'],
    ['equals', RST_ACK, 'ports', 'next'],
    DROP,
    { name: 'ports' },
    [half, 2],
    ...portTests(ports),
    DROP,
  ];
}

/** Continues after the list when A is not among the ports. */
function portTests(ports: readonly number[]): FilterLine[] {
  const ranges: { first: number; last: number }[] = [];
  for (const port of Uint16Array.from(ports).sort()) {
    const range = ranges.at(-1);
    if (range !== undefined && port <= range.last + 1) range.last = port;
    else ranges.push({ first: port, last: port });
  }
  const lines: FilterLine[] = [];
  for (let from = 0; from < ranges.length; from += PORTS_A_STRETCH) {
    const stretch = ranges.slice(from, from + PORTS_A_STRETCH);
    const end = `behind ${from}`;
    const keep = `keep ${from}`;
    lines.push(['above', stretch[stretch.length - 1].last, end, 'next']);
    for (const { first, last } of stretch) {
      if (first === last) {
        lines.push(['equals', first, keep, 'next']);
      } else {
        // Ascending: a port below this range is in none.
        lines.push(['atLeast', first, 'next', end], ['above', last, 'next', keep]);
      }
    }
    // After the last range of a stretch only ports between two ranges arrive. They are in no later range either, but
    // the list ends below.
    lines.push(['above', 0, end, end], { name: keep }, KEEP, { name: end });
  }
  return lines;
}

const ECHO_REPLY = { 4: 0, 6: 129 } as const;

/** Echo replies with our identifier. Errors that quote our requests arrive by the error queue. */
export function echoReplies(family: Family, identifier: number): readonly FilterLine[] {
  const [half, byte] = family === 4 ? (['xHalf', 'xByte'] as const) : (['half', 'byte'] as const);
  const start: FilterLine[] = family === 4 ? [['xHeader', 0]] : [];
  return [
    ...start,
    [byte, 0],
    ['equals', ECHO_REPLY[family], 'next', 'drop'],
    [half, 4],
    ['equals', identifier, 'next', 'drop'],
    KEEP,
    { name: 'drop' },
    DROP,
  ];
}
