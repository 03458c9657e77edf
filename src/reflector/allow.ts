/** `--allow`: the source addresses that get replies. Matched on the bytes of the address, without allocation. */

import ipaddr from 'ipaddr.js';
import { LlamaError } from '../base/errors.js';

/**
 * Words of an entry: four of the network, four of the mask (an IPv4 entry uses the first of each), then its index among
 * the given networks.
 */
const ENTRY_WORDS = 9;
const INDEX = 8;

/** The four (IPv4: one) big-endian words of an address. */
function wordsOf(bytes: readonly number[]): number[] {
  const words = [0, 0, 0, 0];
  for (const [i, byte] of bytes.entries()) words[i >> 2] = ((words[i >> 2] << 8) | byte) >>> 0;
  return words;
}

/** A mask of `bits` leading ones over four words. */
function maskOf(bits: number): number[] {
  return [0, 32, 64, 96].map((from) => {
    const ones = Math.min(32, Math.max(0, bits - from));
    return ones === 0 ? 0 : (0xffff_ffff << (32 - ones)) >>> 0;
  });
}

function parseCidr(text: string): { family: 4 | 6; words: number[]; mask: number[] } {
  const wrong = (found: string): LlamaError =>
    new LlamaError(
      'LLAMA_ARGUMENT_INVALID',
      `--allow '${text}': ${found}; expected a network such as 10.0.0.0/8 or 2001:db8::/32, or one address`,
    );
  const [address, prefix, ...rest] = text.split('/');
  if (rest.length > 0) throw wrong('more than one /');
  const isV4 = ipaddr.IPv4.isValidFourPartDecimal(address);
  if (!isV4 && (!ipaddr.IPv6.isValid(address) || address.includes('%'))) throw wrong('no IP address before the /');
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress())
    throw wrong('an IPv4 address written as IPv6, which never arrives; write it as IPv4');
  const longest = isV4 ? 32 : 128;
  const bits = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : longest + 1;
  if (bits > longest) throw wrong(`'${prefix}' is no prefix length from 0 to ${longest}`);
  const mask = maskOf(bits);
  const words = wordsOf(parsed.toByteArray()).map((word, i) => (word & mask[i]) >>> 0);
  return { family: isV4 ? 4 : 6, words, mask };
}

export class AllowList {
  private readonly v4: Uint32Array;
  private readonly v6: Uint32Array;

  /** Throws `LLAMA_ARGUMENT_INVALID` with the invalid network. Bits after the prefix are ignored. */
  constructor(networks: readonly string[]) {
    const entries = networks.map((network, index) => ({ ...parseCidr(network), index }));
    const pack = (family: 4 | 6): Uint32Array =>
      Uint32Array.from(
        entries
          .filter((entry) => entry.family === family)
          .flatMap(({ words, mask, index }) => [...words, ...mask, index]),
      );
    this.v4 = pack(4);
    this.v6 = pack(6);
  }

  /**
   * Hot: index of the first network that contains an address, or -1. Words are big-endian; an IPv4 address is the
   * first.
   */
  networkOf(family: 4 | 6, word0: number, word1: number, word2: number, word3: number): number {
    const list = family === 4 ? this.v4 : this.v6;
    for (let at = 0; at < list.length; at += ENTRY_WORDS) {
      if ((word0 & list[at + 4]) >>> 0 !== list[at]) continue;
      if (family === 4) return list[at + INDEX];
      if (
        (word1 & list[at + 5]) >>> 0 === list[at + 1] &&
        (word2 & list[at + 6]) >>> 0 === list[at + 2] &&
        (word3 & list[at + 7]) >>> 0 === list[at + 3]
      )
        return list[at + INDEX];
    }
    return -1;
  }
}
