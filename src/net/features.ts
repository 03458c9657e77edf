/**
 * Optional kernel features for packets: the socket option of each, and the refusals (gVisor, old kernels, seccomp
 * filters). Measuring continues without a feature only where results become less detailed, never where they become
 * wrong.
 */

import type { Family } from './address.js';
import * as c from './constants.js';
import { errno, errnoName, libc } from './libc.js';
import { OPTION_VALUE, optionMemory, tryGetOption, trySetOption } from './options.js';

export type SocketFeature =
  | 'sendStamps'
  /** Receive stamps by any of the three options below. */
  | 'receiveStamps'
  /** Receive stamps finer than a microsecond. Refused only where coarser ones exist. */
  | 'stampNanoseconds'
  | 'timestamping'
  | 'timestampNs'
  | 'timestamp'
  | 'icmpErrors'
  | 'tos'
  | 'ttl'
  | 'packetInfo'
  | 'dontFragment'
  | 'queueDrops';

/** Kernel stamps that a socket delivers. */
export type Stamps = 'none' | 'receive' | 'full';

/** Data that a socket delivers with packets. */
export interface DeliveryOptions {
  readonly family: Family;
  /** Deliver TOS (traffic class) and TTL (hop limit) of received packets (default false). */
  readonly tosAndTtl?: boolean;
  /** Deliver the local destination address of a packet (default false). */
  readonly packetInfo?: boolean;
  /** Deliver ICMP errors in the error queue: IP_RECVERR (default false). */
  readonly icmpErrors?: boolean;
  /** Kernel time stamps (default none). */
  readonly stamps?: Stamps;
  /** Features that this kernel refuses (`refusedFeatures`), which are not requested. Default: all are required. */
  readonly without?: { has(feature: SocketFeature): boolean };
}

/** Refused features, each with the option and the errno. */
export type Refusals = ReadonlyMap<SocketFeature, string>;

type Option = readonly [name: string, level: number, option: number, value: number];

const RECEIVE_STAMPS = c.SOF_TIMESTAMPING_RX_SOFTWARE | c.SOF_TIMESTAMPING_SOFTWARE;
/**
 * Without OPT_TSONLY and OPT_ID: a send stamp returns the packet, which identifies its probe. The counter of OPT_ID
 * diverges from the sender's count when a packet filter refuses a packet (EPERM).
 */
const ALL_STAMPS = RECEIVE_STAMPS | c.SOF_TIMESTAMPING_TX_SOFTWARE;

type OptionOf = Readonly<Record<Family, Option>>;

const ofSocket = (name: string, option: number, value: number): OptionOf => {
  const both: Option = [name, c.SOL_SOCKET, option, value];
  return { 4: both, 6: both };
};

const OPTIONS = {
  tos: {
    4: ['IP_RECVTOS', c.IPPROTO_IP, c.IP_RECVTOS, 1],
    6: ['IPV6_RECVTCLASS', c.IPPROTO_IPV6, c.IPV6_RECVTCLASS, 1],
  },
  ttl: {
    4: ['IP_RECVTTL', c.IPPROTO_IP, c.IP_RECVTTL, 1],
    6: ['IPV6_RECVHOPLIMIT', c.IPPROTO_IPV6, c.IPV6_RECVHOPLIMIT, 1],
  },
  packetInfo: {
    4: ['IP_PKTINFO', c.IPPROTO_IP, c.IP_PKTINFO, 1],
    6: ['IPV6_RECVPKTINFO', c.IPPROTO_IPV6, c.IPV6_RECVPKTINFO, 1],
  },
  icmpErrors: {
    4: ['IP_RECVERR', c.IPPROTO_IP, c.IP_RECVERR, 1],
    6: ['IPV6_RECVERR', c.IPPROTO_IPV6, c.IPV6_RECVERR, 1],
  },
  dontFragment: {
    4: ['IP_MTU_DISCOVER', c.IPPROTO_IP, c.IP_MTU_DISCOVER, c.PMTUDISC_PROBE],
    6: ['IPV6_MTU_DISCOVER', c.IPPROTO_IPV6, c.IPV6_MTU_DISCOVER, c.PMTUDISC_PROBE],
  },
  sendStamps: ofSocket('SO_TIMESTAMPING', c.SO_TIMESTAMPING, ALL_STAMPS),
  timestamping: ofSocket('SO_TIMESTAMPING', c.SO_TIMESTAMPING, RECEIVE_STAMPS),
  timestampNs: ofSocket('SO_TIMESTAMPNS', c.SO_TIMESTAMPNS, 1),
  timestamp: ofSocket('SO_TIMESTAMP', c.SO_TIMESTAMP, 1),
} as const satisfies Partial<Record<SocketFeature, OptionOf>>;

/** Options for receive stamps, the best first. The last one is the oldest; it counts whole microseconds. */
const RECEIVE_STAMP_OPTIONS = ['timestamping', 'timestampNs', 'timestamp'] as const;
const STAMP_OPTIONS: ReadonlySet<string> = new Set(['sendStamps', ...RECEIVE_STAMP_OPTIONS]);

/** The options for the wanted data, without refused ones. */
export function deliveryOptions(options: DeliveryOptions): Option[] {
  const { family, tosAndTtl = false, packetInfo = false, icmpErrors = false, without } = options;
  const wanted: [boolean, keyof typeof OPTIONS][] = [
    [tosAndTtl, 'tos'],
    [tosAndTtl, 'ttl'],
    [packetInfo, 'packetInfo'],
    [icmpErrors, 'icmpErrors'],
  ];
  if (options.stamps === 'full' && without?.has('sendStamps') !== true) wanted.push([true, 'sendStamps']);
  else {
    const best = RECEIVE_STAMP_OPTIONS.find((feature) => without?.has(feature) !== true);
    if (best !== undefined) wanted.push([options.stamps === 'full' || options.stamps === 'receive', best]);
  }
  return wanted
    .filter(([wants, feature]) => wants && without?.has(feature) !== true)
    .map(([, feature]) => OPTIONS[feature][family]);
}

/** Derives the state of receive stamps from the refusals of single options. */
function noteReceiveStamps(refusals: Map<SocketFeature, string>): void {
  const best = RECEIVE_STAMP_OPTIONS.find((feature) => !refusals.has(feature));
  const refused = RECEIVE_STAMP_OPTIONS.flatMap((feature) => refusals.get(feature) ?? []).join(', ');
  if (best === undefined) refusals.set('receiveStamps', refused);
  else if (best === 'timestamp') refusals.set('stampNanoseconds', refused);
}

/**
 * Tries every feature on a temporary socket. Empty where the family itself is refused: opening a socket reports that.
 */
export function refusedFeatures(family: Family): Refusals {
  const refusals = new Map<SocketFeature, string>();
  const domain = family === 4 ? c.AF_INET : c.AF_INET6;
  const fd = libc.socket(domain, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0);
  if (fd < 0) return refusals;
  const note = (feature: SocketFeature, name: string, granted: boolean): void => {
    if (!granted) refusals.set(feature, `${name}: ${errnoName(errno())}`);
  };
  for (const [feature, options] of Object.entries(OPTIONS)) {
    const [name, level, option, value] = options[family];
    note(feature as SocketFeature, name, trySetOption(fd, level, option, value));
    if (!STAMP_OPTIONS.has(feature) || refusals.has(feature as SocketFeature)) continue;
    // A sandbox may accept an unknown option without effect. Then no stamp would ever arrive, so the option is read
    // back.
    note(feature as SocketFeature, name, tryGetOption(fd, level, option, 4));
    if (!refusals.has(feature as SocketFeature) && optionMemory.i32[OPTION_VALUE >> 2] !== value)
      refusals.set(feature as SocketFeature, `${name}: accepted without effect`);
  }
  noteReceiveStamps(refusals);
  note('queueDrops', 'SO_MEMINFO', tryGetOption(fd, c.SOL_SOCKET, c.SO_MEMINFO, c.SK_MEMINFO_VARS * 4));
  libc.close(fd);
  return refusals;
}
