/**
 * Why probes got no answer, in words: errnos of refused sends, ICMP errors, packets that were too big. Pure; the page
 * imports it too.
 *
 * Words and fields are the same in results, `llama probe`, `llama top`, page and warnings, so they must be composed
 * only here.
 */

/** Limit of entries of each list below, per row or path; the most frequent first. */
export const MOST_REASONS = 4;

/** Why the kernel refused to send probes. */
export interface SendErrorReason {
  readonly count: number;
  /** The errno's name, such as `ENETUNREACH`; `errno 999` for one without a name. */
  readonly errno: string;
}

/** An ICMP error that was received for probes. */
export interface UnreachableReason {
  readonly count: number;
  /** ICMP type and code; ICMPv6 when the target is an IPv6 address. */
  readonly type: number;
  readonly code: number;
  /** Type and code in words. */
  readonly reason: string;
  /** Address of the router or host that sent the error; null: unknown. */
  readonly from: string | null;
}

/** Who reported that probes were too big. */
export interface TooBigReason {
  readonly count: number;
  /** The reported MTU in bytes; null: unknown. */
  readonly mtu: number | null;
  /** Address of the router that sent the ICMP error; null: this host's kernel refused to send the probe, or unknown. */
  readonly from: string | null;
}

/** The two addresses of a probe. */
interface Ends {
  readonly source?: string;
  readonly target: string;
}

/** The fields of a result row or path row that an explanation needs. */
export interface Explained extends Ends {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly unreachable: number;
  readonly localDrops: number;
  readonly tooBig?: number | null;
  readonly mtu?: number | null;
  readonly sendErrors?: number | null;
  readonly sendErrorsBy?: readonly SendErrorReason[] | null;
  readonly unreachableBy?: readonly UnreachableReason[] | null;
  readonly tooBigBy?: readonly TooBigReason[] | null;
}

/** By errno: why the kernel refused; `*` stands for the target's address. */
const ERRNOS: Readonly<Record<string, string>> = {
  ENETUNREACH: 'no route to *',
  EHOSTUNREACH: 'the routing table says that * is unreachable',
  EACCES: 'a route of this host prohibits sending to *',
  EINVAL: 'a blackhole route, or an invalid address: *',
  EPERM: 'dropped by a firewall rule or a full connection table of this host on the way to *',
  ENETDOWN: 'the interface towards * is down',
  ENODEV: 'no interface towards *',
  EADDRNOTAVAIL: 'no usable source address towards *',
  ENOBUFS: 'a full queue of the interface towards *',
  EAGAIN: 'a full send buffer of this host on the way to *',
  ENOMEM: 'this host lacks memory to send to *',
  ECONNREFUSED: 'refused by an earlier ICMP error of *',
};

/** `no route to 10.9.0.2 (ENETUNREACH)`. */
export function errnoText(errno: string, target: string): string {
  const words = ERRNOS[errno] ?? 'the kernel refused to send to *';
  return `${words.replace('*', target)} (${errno})`;
}

const TIME_EXCEEDED = ['TTL exceeded', 'fragments not reassembled in time'];

/** ICMP (RFC 792, 1122, 1812): by type, then code. */
const ICMP4: Readonly<Record<number, readonly string[]>> = {
  3: [
    'network unreachable',
    'host unreachable',
    'protocol unreachable',
    'port unreachable',
    'fragmentation needed',
    'source route failed',
    'network unknown',
    'host unknown',
    'source host isolated',
    'network administratively prohibited',
    'host administratively prohibited',
    'network unreachable for this type of service',
    'host unreachable for this type of service',
    'administratively prohibited',
    'host precedence violation',
    'precedence cutoff',
  ],
  11: TIME_EXCEEDED,
  12: ['bad header', 'missing option', 'bad length'],
};

/** ICMPv6 (RFC 4443, 7048, 8883). */
const ICMP6: Readonly<Record<number, readonly string[]>> = {
  1: [
    'no route',
    'administratively prohibited',
    'beyond the scope of the source address',
    'address unreachable',
    'port unreachable',
    'source address refused by policy',
    'rejected by a route',
    'error in a source routing header',
  ],
  2: ['packet too big'],
  3: ['hop limit exceeded', 'fragments not reassembled in time'],
  4: ['bad header', 'unknown next header', 'unknown option'],
};

/** `port unreachable`; `ICMP type 3 code 99` for unknown types and codes. */
export function icmpReason(version: number, type: number, code: number): string {
  const words = (version === 6 ? ICMP6 : ICMP4)[type]?.[code];
  return words ?? `${version === 6 ? 'ICMPv6' : 'ICMP'} type ${type} code ${code}`;
}

/**
 * ` from 10.9.0.2`, or ` from this host (10.9.0.1)`: this host's kernel reports a next hop that does not answer ARP or
 * neighbour discovery.
 */
function fromText(from: string | null, ends: Ends | undefined): string {
  if (from === null) return '';
  return from === ends?.source && from !== ends.target ? ` from this host (${from})` : ` from ${from}`;
}

/**
 * `unreachable (port unreachable, from 10.9.0.2)`, for the most frequent error; `ends` is needed to recognise errors of
 * this host.
 */
export function unreachableText(by: readonly UnreachableReason[] | null | undefined, ends?: Ends): string {
  const first = by?.[0];
  if (first === undefined) return 'unreachable';
  const from = fromText(first.from, ends);
  return `unreachable (${first.reason}${from === '' ? '' : `,${from}`})`;
}

/** `not sent: no route to 10.9.0.2 (ENETUNREACH)`, for the most frequent errno. */
export function notSentText(by: readonly SendErrorReason[] | null | undefined, target: string): string {
  const first = by?.[0];
  return first === undefined ? 'not sent' : `not sent: ${errnoText(first.errno, target)}`;
}

type TooBig = Pick<Explained, 'mtu' | 'tooBigBy'>;

/**
 * `too big for the path (mtu 1400, from 10.9.0.254)`, for the most frequent kind; without `from` when this host's
 * kernel refused to send.
 */
export function tooBigText({ mtu, tooBigBy }: TooBig, ends?: Ends): string {
  const first = tooBigBy?.[0];
  return first === undefined ? tooBigWords(mtu ?? null, null, ends) : tooBigWords(first.mtu, first.from, ends);
}

function tooBigWords(mtu: number | null, from: string | null, ends: Ends | undefined): string {
  const details = [
    ...(mtu === null ? [] : [`mtu ${mtu}`]),
    ...(from === null ? [] : [fromText(from, ends).trimStart()]),
  ];
  return details.length === 0 ? 'too big for the path' : `too big for the path (${details.join(', ')})`;
}

/**
 * Why nothing was received, by the most frequent outcome: `not sent: …`, `unreachable (…)`, `too big for the path (…)`,
 * `no answer`, `dropped by this host`. Null when something was received, or when nothing was sent or tried. A loss is
 * followed by each other sign of the network, `no answer; port unreachable from 10.9.0.2`: hosts send about one ICMP
 * error a second, however many probes they refuse.
 */
export function noAnswerText(row: Explained): string | null {
  const { received, lost, unreachable, localDrops } = row;
  if (received > 0) return null;
  const sendErrors = row.sendErrors ?? 0;
  const outcomes: readonly (readonly [number, string])[] = [
    [lost, 'no answer'],
    [unreachable, unreachableText(row.unreachableBy, row)],
    [row.tooBig ?? 0, tooBigText(row, row)],
    [localDrops, 'dropped by this host: its receive queue was full'],
    // An unsent probe says nothing about the network, so the outcomes of sent probes come first.
    [row.sent === 0 ? sendErrors : 0, notSentText(row.sendErrorsBy, row.target)],
  ];
  const most = outcomes.reduce((a, b) => (b[0] > a[0] ? b : a));
  if (most[0] === 0) return null;
  const signs = most[0] > lost ? [] : [...errorTexts(row), ...((row.tooBig ?? 0) > 0 ? [outcomes[2][1]] : [])];
  return [most[1], ...signs].join('; ');
}

/** `port unreachable from 10.9.0.2`, the most frequent error; empty without errors. */
function errorTexts(row: Explained): string[] {
  if (row.unreachable === 0) return [];
  const first = row.unreachableBy?.[0];
  return [first === undefined ? 'unreachable' : `${first.reason}${fromText(first.from, row)}`];
}

/** `20 × port unreachable from 10.9.0.2` for each error, most frequent first. */
export function unreachableList(by: readonly UnreachableReason[], ends?: Ends): string[] {
  return by.map(({ count, reason, from }) => `${count} × ${reason}${fromText(from, ends)}`);
}

/**
 * `16 × too big for the path (mtu 1400, from 10.9.0.254)` for each kind, most frequent first, then the remainder of
 * `count` probes.
 */
export function tooBigList(count: number, { mtu, tooBigBy }: TooBig, ends?: Ends): string[] {
  const by = tooBigBy ?? [];
  const rest = by.reduce((left, one) => left - one.count, count);
  return [
    ...by.map((one) => `${one.count} × ${tooBigWords(one.mtu, one.from, ends)}`),
    ...(rest > 0 ? [`${rest} × ${tooBigWords(by.length === 0 ? (mtu ?? null) : null, null, ends)}`] : []),
  ];
}

/** `20 × no route to 10.9.0.2 (ENETUNREACH)` for each errno, most frequent first. */
export function sendErrorList(by: readonly SendErrorReason[], target: string): string[] {
  return by.map(({ count, errno }) => `${count} × ${errnoText(errno, target)}`);
}
