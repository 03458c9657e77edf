/**
 * Sockets below UDP: raw TCP for SYN probes, ICMP echo. Kernel filters drop packets that are not replies to probes.
 *
 * Received data begins with the IP header on a raw IPv4 socket, and with the TCP or ICMP header on all others.
 */

import type { Family } from './address.js';
import { ReceiveBatch } from './batch.js';
import * as c from './constants.js';
import { bindToDevice } from './device.js';
import { assembleFilter, echoReplies, FILTER_LINE_BYTES, type FilterLine, tcpAnswers } from './filter.js';
import { check, EACCES, EAGAIN, EPERM, errno, libc, systemError } from './libc.js';
import { NativeMemory } from './memory.js';
import { setOption } from './options.js';
import { privilegeError, type RawProtocol } from './privilege.js';
import { applyOptions, bindTo, receiveBufferOf, type SocketOptions } from './socket.js';

/** Offset of the checksum in a TCP header. */
const TCP_CHECKSUM = 16;
const PROGRAM_BYTES = 16;
const DISCARD_BATCHES = 1024;

export type RawSocketOptions = Omit<SocketOptions, 'dropCounter'>;

/** Decides which headers received data begins with, and who writes checksums and identifiers. */
type RawKind = 'raw' | 'datagram';

export class RawSocket {
  readonly fd: number;
  readonly family: Family;
  readonly kind: RawKind;
  /** Identifier of its echo requests; 0 for TCP. The kernel writes it on a datagram socket. */
  readonly identifier: number;
  readonly receiveBufferBytes: number;

  private constructor(fd: number, family: Family, kind: RawKind, identifier: number) {
    this.fd = fd;
    this.family = family;
    this.kind = kind;
    this.identifier = identifier;
    this.receiveBufferBytes = receiveBufferOf(fd);
  }

  /**
   * A socket that sends SYNs and receives the answers to SYNs from `ports`. One for many ports: the kernel copies every
   * received TCP packet of the host for each such socket, before its filter runs.
   * @throws LlamaError `LLAMA_PRIVILEGE`, `LLAMA_NO_FILES` or `LLAMA_SYSTEM_CALL`; then nothing stays open.
   */
  static openTcp(options: RawSocketOptions, ports: readonly number[]): RawSocket {
    const tried = `open a raw TCP socket on ${options.address}`;
    const fd = openRaw('tcp-syn', options.family, c.IPPROTO_TCP, tried);
    return orClose(fd, () => {
      // This process writes IPv4's checksum.
      if (options.family === 6) setOption(fd, c.IPPROTO_IPV6, c.IPV6_CHECKSUM, TCP_CHECKSUM, 'IPV6_CHECKSUM', tried);
      begin(fd, options, tcpAnswers(options.family, ports), tried);
      bindTo(fd, options.family, options.address, 0, tried);
      return new RawSocket(fd, options.family, 'raw', 0);
    });
  }

  /**
   * A socket for echo requests: a datagram socket where net.ipv4.ping_group_range permits it, otherwise a raw one that
   * uses `identifier`.
   * @throws LlamaError as `openTcp`.
   */
  static openIcmp(options: RawSocketOptions, identifier: number): RawSocket {
    const tried = `open an ICMP socket on ${options.address}`;
    const protocol = options.family === 4 ? c.IPPROTO_ICMP : c.IPPROTO_ICMPV6;
    const datagram = libc.socket(domainOf(options.family), c.SOCK_DGRAM | c.SOCK_CLOEXEC, protocol);
    if (datagram >= 0)
      return orClose(datagram, () => {
        applyOptions(datagram, options, tried);
        bindToDevice(datagram, options.device, tried);
        const { port } = bindTo(datagram, options.family, options.address, 0, tried);
        return new RawSocket(datagram, options.family, 'datagram', port);
      });
    const refusal = errno();
    if (refusal !== EACCES && refusal !== EPERM) throw systemError('socket', refusal, tried);
    const fd = openRaw('icmp', options.family, protocol, tried);
    return orClose(fd, () => {
      begin(fd, options, echoReplies(options.family, identifier), tried);
      bindTo(fd, options.family, options.address, 0, tried);
      return new RawSocket(fd, options.family, 'raw', identifier);
    });
  }

  close(): void {
    libc.close(this.fd);
  }
}

/**
 * A reserved TCP port: bound but never listening, so that no connection of this host uses it. The kernel knows of no
 * connection there and answers a SYN+ACK by RST, so no half-open connection stays at the target.
 */
export class TcpPort {
  readonly port: number;
  readonly fd: number;

  /**
   * Port 0: chosen by the system. @throws LlamaError `LLAMA_ADDRESS_IN_USE`, `LLAMA_NO_FILES` or `LLAMA_SYSTEM_CALL`.
   */
  constructor(family: Family, address: string, port: number, device?: string) {
    const tried = `reserve TCP port ${port} on ${address}`;
    this.fd = check(libc.socket(domainOf(family), c.SOCK_STREAM | c.SOCK_CLOEXEC, 0), 'socket', tried);
    this.port = orClose(this.fd, () => {
      if (family === 6) setOption(this.fd, c.IPPROTO_IPV6, c.IPV6_V6ONLY, 1, 'IPV6_V6ONLY', tried);
      bindToDevice(this.fd, device, tried);
      return bindTo(this.fd, family, address, port, tried).port;
    });
  }

  close(): void {
    libc.close(this.fd);
  }
}

const domainOf = (family: Family): number => (family === 4 ? c.AF_INET : c.AF_INET6);

function openRaw(protocol: RawProtocol, family: Family, number: number, tried: string): number {
  const fd = libc.socket(domainOf(family), c.SOCK_RAW | c.SOCK_CLOEXEC, number);
  if (fd >= 0) return fd;
  const code = errno();
  const error = systemError('socket', code, tried);
  throw code === EPERM || code === EACCES ? privilegeError(protocol, error) : error;
}

/** Closes the descriptor when `work` throws. */
function orClose<Result>(fd: number, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** A raw socket receives from its creation, so packets from before the filter are discarded. */
function begin(fd: number, options: RawSocketOptions, filter: readonly FilterLine[], tried: string): void {
  attachFilter(fd, filter, tried);
  const batch = new ReceiveBatch(64, 64);
  for (let i = 0; i < DISCARD_BATCHES && batch.fill(fd) !== -EAGAIN; i++);
  applyOptions(fd, options, tried);
  bindToDevice(fd, options.device, tried);
}

function attachFilter(fd: number, lines: readonly FilterLine[], tried: string): void {
  const program = assembleFilter(lines);
  const memory = new NativeMemory(PROGRAM_BYTES + program.length);
  memory.bytes.set(program, PROGRAM_BYTES);
  memory.u16[0] = program.length / FILTER_LINE_BYTES;
  memory.writePointer(8, memory, PROGRAM_BYTES);
  check(
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_ATTACH_FILTER, memory.address, PROGRAM_BYTES),
    'setsockopt(SO_ATTACH_FILTER)',
    tried,
  );
}
