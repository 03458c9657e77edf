/**
 * UDP sockets with the options for measuring. A socket is a file descriptor of the process: any thread may use it by
 * its number.
 */

import {
  addressBytes,
  type Family,
  readSockaddr,
  SOCKADDR_STRIDE,
  sockaddrBytes,
  writeSockaddr,
  writeSockaddrWords,
  zoneIndex,
} from './address.js';
import * as c from './constants.js';
import { bindToDevice, interfaceIndex, tryBindToDevice } from './device.js';
import { formatEndpoint } from './endpoint.js';
import { type DeliveryOptions, deliveryOptions } from './features.js';
import { check, ENODEV, errno, libc, systemError } from './libc.js';
import { OPTION_LENGTH, OPTION_VALUE, optionMemory, setOption, tryGetOption, trySetOption } from './options.js';

/** Options of sockets of every kind. */
export interface SocketOptions extends DeliveryOptions {
  readonly family: Family;
  /** Local address, IP literal. */
  readonly address: string;
  /** Receive and send buffer; forced past the system's limit where permitted (CAP_NET_ADMIN). Default: the system's. */
  readonly receiveBufferBytes?: number;
  readonly sendBufferBytes?: number;
  /** Interface of a link-local address. */
  readonly zone?: string | undefined;
  /** TTL or hop limit of sent packets. Default: the system's. */
  readonly ttl?: number;
  /** Deliver the receive queue's drop counter with packets: SO_RXQ_OVFL (default false). */
  readonly dropCounter?: boolean;
  /** The interface or VRF for all packets: SO_BINDTODEVICE. Default: chosen by routes. */
  readonly device?: string | undefined;
}

export interface UdpSocketOptions extends SocketOptions {
  /** Local port; 0: chosen by the system. */
  readonly port: number;
  /** Share the port with other sockets that set this too (default false). */
  readonly reusePort?: boolean;
}

function describe(options: UdpSocketOptions): string {
  return `open a UDP socket on ${formatEndpoint(options)}`;
}

/** Offset of socket addresses in the scratch memory. */
const ADDRESS = 128;
/** Connecting a UDP socket sends nothing, so any port serves to learn the route. */
const DISCARD_PORT = 9;

export class UdpSocket {
  readonly fd: number;
  readonly family: Family;
  /** The bound address. */
  readonly address: string;
  readonly port: number;
  /** Size granted by the kernel, in its own accounting (about twice the payload). */
  readonly receiveBufferBytes: number;

  private constructor(fd: number, options: UdpSocketOptions | Family) {
    this.fd = fd;
    if (typeof options === 'number') {
      this.family = options;
      this.address = '';
      this.port = 0;
      this.receiveBufferBytes = receiveBufferOf(fd);
      return;
    }
    this.family = options.family;
    const tried = describe(options);
    if (options.family === 6) setOption(fd, c.IPPROTO_IPV6, c.IPV6_V6ONLY, 1, 'IPV6_V6ONLY', tried);
    if (options.reusePort) setOption(fd, c.SOL_SOCKET, c.SO_REUSEPORT, 1, 'SO_REUSEPORT', tried);
    applyOptions(fd, options, tried);
    bindToDevice(fd, options.device, tried);
    if (options.zone !== undefined) checkInterface(options.zone, tried);
    const local = options.zone === undefined ? options.address : `${options.address}%${options.zone}`;
    const bound = bindTo(fd, options.family, local, options.port, tried);
    this.address = bound.address;
    this.port = bound.port;
    this.receiveBufferBytes = receiveBufferOf(fd);
  }

  /** Opens and binds. Throws a LlamaError with the call, the errno and the address; then nothing stays open. */
  static open(options: UdpSocketOptions): UdpSocket {
    const domain = options.family === 4 ? c.AF_INET : c.AF_INET6;
    const fd = check(libc.socket(domain, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0), 'socket', describe(options));
    try {
      return new UdpSocket(fd, options);
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  /** An unbound socket receives nothing: it reserves a descriptor number until `become`. Throws as `open`. */
  static unbound(family: Family): UdpSocket {
    const domain = family === 4 ? c.AF_INET : c.AF_INET6;
    const tried = 'open a UDP socket';
    return new UdpSocket(check(libc.socket(domain, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0), 'socket', tried), family);
  }

  /**
   * Makes this descriptor refer to the socket of `other`, and closes the other descriptor. Threads that use the number
   * continue with the new socket at their next call; a thread that waits in `ppoll` must be woken.
   */
  become(other: UdpSocket): void {
    const result = libc.dup3(other.fd, this.fd, c.O_CLOEXEC);
    const code = errno();
    libc.close(other.fd);
    if (result < 0) throw systemError('dup3', code, 'put a new socket in the place of an old one');
  }

  close(): void {
    libc.close(this.fd);
  }
}

/** Size granted by the kernel, in its own accounting (about twice the payload). */
export function receiveBufferOf(fd: number): number {
  tryGetOption(fd, c.SOL_SOCKET, c.SO_RCVBUF, 4);
  return optionMemory.u32[OPTION_VALUE >> 2];
}

/** Binds, and returns the bound address. */
export function bindTo(
  fd: number,
  family: Family,
  address: string,
  port: number,
  tried: string,
): { address: string; port: number } {
  const length = writeSockaddr(optionMemory, ADDRESS, family, addressBytes(address), port, zoneIndex(address));
  check(libc.bind(fd, optionMemory.address + ADDRESS, length), 'bind', tried);
  return localName(fd, tried);
}

export function applyOptions(fd: number, options: SocketOptions, tried: string): void {
  const set = (level: number, option: number, value: number, name: string): void =>
    setOption(fd, level, option, value, name, tried);
  const v4 = options.family === 4;
  // A refusal leaves the system's size; `receiveBufferOf` reports it.
  const resize = (bytes: number | undefined, force: number, ask: number): void => {
    if (bytes !== undefined && !trySetOption(fd, c.SOL_SOCKET, force, bytes))
      trySetOption(fd, c.SOL_SOCKET, ask, bytes);
  };
  resize(options.receiveBufferBytes, c.SO_RCVBUFFORCE, c.SO_RCVBUF);
  resize(options.sendBufferBytes, c.SO_SNDBUFFORCE, c.SO_SNDBUF);
  if (options.ttl !== undefined) {
    if (v4) set(c.IPPROTO_IP, c.IP_TTL, options.ttl, 'IP_TTL');
    else set(c.IPPROTO_IPV6, c.IPV6_UNICAST_HOPS, options.ttl, 'IPV6_UNICAST_HOPS');
  }
  if (options.dropCounter) set(c.SOL_SOCKET, c.SO_RXQ_OVFL, 1, 'SO_RXQ_OVFL');
  for (const [name, level, option, value] of deliveryOptions(options)) set(level, option, value, name);
}

/** Throws when there is no interface of this name. */
function checkInterface(name: string, tried: string): void {
  if (interfaceIndex(name) === 0) throw systemError('if_nametoindex', ENODEV, tried);
}

function localName(fd: number, tried: string): { address: string; port: number } {
  optionMemory.u32[OPTION_LENGTH >> 2] = SOCKADDR_STRIDE;
  check(
    libc.getsockname(fd, optionMemory.address + ADDRESS, optionMemory.address + OPTION_LENGTH),
    'getsockname',
    tried,
  );
  return readSockaddr(optionMemory, ADDRESS);
}

/**
 * Payloads up to this size are never fragmented, with any setting: with IP and UDP headers they have 552 bytes, the
 * smallest path MTU that Linux accepts (net.ipv4.route.min_pmtu). The setting `never` saves the kernel choosing an IPv4
 * identification for each. That took 5 % of the CPU time of prober and reflector threads.
 */
export const UNFRAGMENTED_BYTES = 552 - 28;

/**
 * Whether packets may be fragmented. `never` sets Don't Fragment and ignores the known path MTU; only the MTU of the
 * interface limits packets (EMSGSIZE). `asNeeded` is the initial setting.
 */
export function setFragmentation(fd: number, family: Family, how: 'never' | 'asNeeded'): boolean {
  const value = how === 'never' ? c.PMTUDISC_PROBE : c.PMTUDISC_WANT;
  return family === 4
    ? trySetOption(fd, c.IPPROTO_IP, c.IP_MTU_DISCOVER, value)
    : trySetOption(fd, c.IPPROTO_IPV6, c.IPV6_MTU_DISCOVER, value);
}

/** Whether IPv6 packets carry the flow label of their socket address; otherwise the kernel chooses one. */
export function setFlowLabels(fd: number, on: boolean): boolean {
  return trySetOption(fd, c.IPPROTO_IPV6, c.IPV6_FLOWINFO_SEND, on ? 1 : 0);
}

/**
 * The MTU of the interface towards the address from `words[at]` on, or the known path MTU if that is smaller; 0 without
 * a route.
 */
export function pathMtu(family: Family, words: Uint32Array, at: number, scope: number, device?: string): number {
  const fd = libc.socket(family === 4 ? c.AF_INET : c.AF_INET6, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  try {
    setFragmentation(fd, family, 'never');
    tryBindToDevice(fd, device);
    const length = writeSockaddrWords(optionMemory, ADDRESS, family, words, at, DISCARD_PORT, scope);
    if (libc.connect(fd, optionMemory.address + ADDRESS, length) < 0) return 0;
    const known =
      family === 4 ? tryGetOption(fd, c.IPPROTO_IP, c.IP_MTU, 4) : tryGetOption(fd, c.IPPROTO_IPV6, c.IPV6_MTU, 4);
    return known ? optionMemory.u32[OPTION_VALUE >> 2] : 0;
  } finally {
    libc.close(fd);
  }
}

/**
 * The errno of routing to the IPv4 target at `words[at]`; 0 when there is a route. Allocates nothing: a prober calls it
 * for each refused SYN.
 */
export function routeErrno4(words: Uint32Array, at: number, device?: string): number {
  const fd = libc.socket(c.AF_INET, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0);
  if (fd < 0) return errno();
  try {
    if (!tryBindToDevice(fd, device)) return errno();
    const length = writeSockaddrWords(optionMemory, ADDRESS, 4, words, at, DISCARD_PORT, 0);
    return libc.connect(fd, optionMemory.address + ADDRESS, length) < 0 ? errno() : 0;
  } finally {
    libc.close(fd);
  }
}

/**
 * Datagrams that a socket's receive queue has dropped since it was opened (SO_MEMINFO); modulo 2^32. 0 where the kernel
 * refuses to say.
 */
export function receiveQueueDrops(fd: number): number {
  return tryGetOption(fd, c.SOL_SOCKET, c.SO_MEMINFO, c.SK_MEMINFO_VARS * 4)
    ? optionMemory.u32[(OPTION_VALUE >> 2) + c.SK_MEMINFO_DROPS]
    : 0;
}

/** Whether the socket's own send buffer is full (SO_MEMINFO): all of its packets still wait in queues of this host. */
export function sendBufferFull(fd: number): boolean {
  if (!tryGetOption(fd, c.SOL_SOCKET, c.SO_MEMINFO, c.SK_MEMINFO_VARS * 4)) return false;
  const { u32 } = optionMemory;
  const values = OPTION_VALUE >> 2;
  return u32[values + c.SK_MEMINFO_WMEM_ALLOC] >= u32[values + c.SK_MEMINFO_SNDBUF];
}

/**
 * Finds the local address that the system would choose towards each target, by connecting a UDP socket, which sends
 * nothing.
 */
export class SourceAddressFinder {
  /** By family and interface. */
  private readonly sockets = new Map<string, { readonly fd: number; readonly device: string | undefined }>();

  /** The local address for packets by `device` or by routes; undefined without a route. */
  find(family: Family, target: string, device?: string): string | undefined {
    const fd = this.socket(family, device);
    if (fd < 0) return undefined;
    // Bound for each call: a recreated interface has another index.
    if (!tryBindToDevice(fd, device)) return undefined;
    const length = writeSockaddr(optionMemory, ADDRESS, family, addressBytes(target), DISCARD_PORT, zoneIndex(target));
    const connected = libc.connect(fd, optionMemory.address + ADDRESS, length) === 0;
    const address = connected ? localName(fd, 'find the source address towards a target').address : undefined;
    // Disconnects (AF_UNSPEC), so that the next connect chooses its source again. That also unbinds the interface:
    // binding a bound socket again needs CAP_NET_RAW.
    optionMemory.bytes.fill(0, ADDRESS, ADDRESS + SOCKADDR_STRIDE);
    libc.connect(fd, optionMemory.address + ADDRESS, sockaddrBytes(family));
    return address;
  }

  /** Closes the sockets of all other interfaces. */
  keepOnly(devices: ReadonlySet<string | undefined>): void {
    for (const [key, { fd, device }] of this.sockets) {
      if (devices.has(device)) continue;
      libc.close(fd);
      this.sockets.delete(key);
    }
  }

  private socket(family: Family, device?: string): number {
    const key = `${family} ${device ?? ''}`;
    const known = this.sockets.get(key);
    if (known !== undefined) return known.fd;
    const fd = libc.socket(family === 4 ? c.AF_INET : c.AF_INET6, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0);
    // A later call may get a descriptor.
    if (fd >= 0) this.sockets.set(key, { fd, device });
    return fd;
  }

  close(): void {
    for (const { fd } of this.sockets.values()) libc.close(fd);
    this.sockets.clear();
  }
}
