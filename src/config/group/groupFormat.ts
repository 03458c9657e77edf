/** The packet format of a group's probes: protocol, keys, TLVs, length; and the defaults of these. */

import { LlamaError } from '../../base/errors.js';
import { LLAMA_BYTES } from '../../wire/dropbox.js';
import { LLAMA_LEGACY_BYTES } from '../../wire/dropboxLegacy.js';
import type { Protocol } from '../../wire/protocol.js';
import { STAMP_BYTES } from '../../wire/stamp.js';
import { STAMP_AUTH_BYTES } from '../../wire/stampAuth.js';
import { PROBE_TLVS, type ProbeTlv, tlvBytes } from '../../wire/stampTlv.js';
import { type GroupRules, whyOutside } from '../allowed.js';
import { found, type Report, unknownWord } from '../files/problems.js';
import type { Ecn, Group } from '../types.js';
import { defaultOf, expectedBy, GroupSchema } from './groupSchema.js';
import { readKeyFile } from './keyFile.js';

/** Defaults that differ by protocol. */
interface ProtocolDefaults {
  readonly port: number;
  readonly timeout: string;
  /** Fixed size of every probe, bytes; undefined: at least its packet and TLVs. */
  readonly fixedBytes?: number;
}

export const PROTOCOLS: Readonly<Record<Protocol, ProtocolDefaults>> = {
  stamp: { port: 8100, timeout: '1s' },
  llama: { port: 8100, timeout: '1s', fixedBytes: LLAMA_BYTES },
  'llama-legacy': { port: 60_000, timeout: '200ms', fixedBytes: LLAMA_LEGACY_BYTES },
  'tcp-syn': { port: 0, timeout: '1s', fixedBytes: 0 },
  icmp: { port: 0, timeout: '1s' },
};
const PROTOCOL_NAMES = Object.keys(PROTOCOLS) as Protocol[];

type GroupFormat = Pick<Group, 'protocol' | 'payloadBytes' | 'keyFile' | 'keys' | 'tlvs' | 'ecn' | 'anySource'>;

type Input = Readonly<Record<string, unknown>>;

export function readProtocol(value: unknown, report: Report): Protocol {
  if (value === undefined || typeof value !== 'string') return 'stamp';
  const known = PROTOCOL_NAMES.find((name) => name === value);
  if (known !== undefined) return known;
  const available = expectedBy(GroupSchema.properties.protocol);
  report(['protocol'], unknownWord(value, available, PROTOCOL_NAMES));
  return 'stamp';
}

/** Everything about the format, of a group that has the right shape already. Reads the key file. */
export function readFormat(input: Input, protocol: Protocol, report: Report, rules?: GroupRules): GroupFormat {
  const onlyStamp = (key: 'keyFile' | 'tlvs'): boolean => {
    if (protocol === 'stamp') return true;
    report([key], `found ${key} with protocol ${protocol}, expected it with protocol stamp only; take it out`, 'key');
    return false;
  };
  const tlvs = readTlvs(input.tlvs, report);
  const keyFile = typeof input.keyFile === 'string' && input.keyFile !== '' ? input.keyFile : undefined;
  const keys = keyFile !== undefined && onlyStamp('keyFile') ? readKeys(keyFile, report, rules) : undefined;
  if (tlvs.length > 0) onlyStamp('tlvs');
  const ecn = readEcn(input.ecn, report);
  const anySource = input.anySource === true;
  if (anySource && protocol !== 'stamp' && protocol !== 'llama')
    report(
      ['anySource'],
      `found anySource with protocol ${protocol}, expected it with protocol stamp or llama only: ${protocol === 'llama-legacy' ? 'the only secret in its replies is a time in milliseconds' : 'its replies are known by their source'}; take it out`,
      'key',
    );
  return {
    protocol,
    payloadBytes: readPayloadBytes(input.payloadBytes, protocol, tlvs, keyFile !== undefined, report),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(keys === undefined ? {} : { keys }),
    ...(tlvs.length === 0 ? {} : { tlvs }),
    ...(ecn === undefined ? {} : { ecn }),
    ...(anySource ? { anySource } : {}),
  };
}

/** Least payload of a probe of a STAMP group. */
function leastBytes(tlvs: readonly ProbeTlv[], authenticated: boolean): number {
  return (authenticated ? STAMP_AUTH_BYTES : STAMP_BYTES) + tlvBytes(tlvs, authenticated);
}

function readPayloadBytes(
  value: unknown,
  protocol: Protocol,
  tlvs: readonly ProbeTlv[],
  authenticated: boolean,
  report: Report,
): number {
  const fixed = PROTOCOLS[protocol].fixedBytes;
  const least = fixed ?? leastBytes(tlvs, authenticated);
  if (typeof value !== 'number') return least;
  if (fixed === 0) report(['payloadBytes'], `found ${value}, expected none, for a SYN carries no payload; take it out`);
  else if (fixed !== undefined && value !== fixed)
    report(
      ['payloadBytes'],
      `found ${value}, expected ${fixed}, the length of every probe of protocol ${protocol}; leave payloadBytes out`,
    );
  else if (value < STAMP_BYTES && fixed === undefined)
    report(['payloadBytes'], `found ${value}, expected ${expectedBy(GroupSchema.properties.payloadBytes)}`);
  else if (value < least)
    report(
      ['payloadBytes'],
      `found ${value}, expected at least ${least}: ${authenticated ? `${STAMP_AUTH_BYTES} bytes of authenticated STAMP` : `${STAMP_BYTES} bytes of STAMP`}${tlvs.length === 0 ? '' : ` and ${tlvBytes(tlvs, authenticated)} of TLVs`}; raise payloadBytes, or leave it out`,
    );
  return fixed ?? value;
}

function readTlvs(value: unknown, report: Report): ProbeTlv[] {
  const tlvs: ProbeTlv[] = [];
  for (const [index, written] of (Array.isArray(value) ? value : []).entries()) {
    if (typeof written !== 'string') continue;
    const known = PROBE_TLVS.find((name) => name === written);
    if (known === undefined)
      report(['tlvs', index], unknownWord(written, expectedBy(GroupSchema.properties.tlvs.items), PROBE_TLVS));
    else if (tlvs.includes(known))
      report(['tlvs', index], `found ${found(written)} a second time, expected every TLV once; remove one of the two`);
    else tlvs.push(known);
  }
  return tlvs;
}

function readEcn(value: unknown, report: Report): Ecn | undefined {
  const text = value === undefined ? defaultOf('ecn') : value;
  if (typeof text !== 'string' || text === 'none') return undefined;
  if (text === 'ect0') return text;
  report(['ecn'], unknownWord(text, expectedBy(GroupSchema.properties.ecn), ['none', 'ect0']));
  return undefined;
}

/**
 * Warnings about short keys and open files are the reflector's, and of `llama check`'s reader; here they would come
 * with every reload.
 */
function readKeys(file: string, report: Report, rules?: GroupRules): readonly Uint8Array[] | undefined {
  const directories = rules?.trusted?.keyFile === file ? undefined : rules?.directories;
  const outside = directories && whyOutside(file, directories);
  if (outside !== undefined) {
    report(['keyFile'], outside);
    return undefined;
  }
  try {
    return readKeyFile(file, 'keyFile', () => undefined, directories);
  } catch (error) {
    if (!(error instanceof LlamaError)) throw error;
    report(['keyFile'], error.message);
    return undefined;
  }
}

/** Whether two groups sign with the same keys. */
export function sameKeys(a: Group, b: Group): boolean {
  const [x, y] = [a.keys ?? [], b.keys ?? []];
  return x.length === y.length && x.every((key, i) => Buffer.compare(key, y[i]) === 0);
}
