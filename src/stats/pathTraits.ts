/**
 * Last values of each path: marking and hops in each direction, and the last one-way delays, for their variation. They
 * outlive the intervals.
 *
 * Per path 24 bytes: f64 delay on the way out, f64 on the way back, u32 sequence number that would follow (0 without
 * one), and one byte each: DSCP of the reply as received, DSCP as the reflector received it, hops of the reply, hops to
 * the reflector; 255: unknown.
 */

import { UNKNOWN_BYTE } from '../ring/ring.js';

const BYTES = 24;
const INITIAL_PATHS = 1024;
const NEXT = 4;
const DSCP_REVERSE = 20;
const DSCP_FORWARD = 21;
const HOPS_REVERSE = 22;
const HOPS_FORWARD = 23;

/**
 * Hops of a packet, from its remaining TTL: hosts and routers send with 64, 128 or 255, and the nearest of these above
 * the TTL is taken as the start. 255 (unknown) without a TTL.
 */
export function hopsOf(ttl: number): number {
  if (ttl === 0) return UNKNOWN_BYTE;
  return (ttl <= 64 ? 64 : ttl <= 128 ? 128 : 255) - ttl;
}

export class PathTraits {
  private readonly sourcePorts: number;
  private bytes = new Uint8Array(INITIAL_PATHS * BYTES);
  private words = new Uint32Array(this.bytes.buffer);
  private doubles = new Float64Array(this.bytes.buffer);

  constructor(sourcePorts: number) {
    this.sourcePorts = sourcePorts;
    this.clear(0, INITIAL_PATHS);
  }

  /** Grows the columns to a stream's paths. */
  open(stream: number): void {
    const paths = (stream + 1) * this.sourcePorts;
    const before = this.bytes.length / BYTES;
    if (paths <= before) return;
    const bytes = new Uint8Array(Math.max(paths, before * 2) * BYTES);
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.words = new Uint32Array(bytes.buffer);
    this.doubles = new Float64Array(bytes.buffer);
    this.clear(before, bytes.length / BYTES);
  }

  /** Hot: notes marking and TTLs. Returns whether a hop count changed. A DSCP of 255 and a TTL of 0 are unknown. */
  note(path: number, dscp: number, ttl: number, forwardDscp: number, forwardTtl: number): boolean {
    const { bytes } = this;
    const at = path * BYTES;
    const reverse = hopsOf(ttl);
    const forward = hopsOf(forwardTtl);
    const changed = differ(bytes[at + HOPS_REVERSE], reverse) || differ(bytes[at + HOPS_FORWARD], forward);
    bytes[at + DSCP_REVERSE] = dscp;
    bytes[at + DSCP_FORWARD] = forwardDscp;
    bytes[at + HOPS_REVERSE] = reverse;
    bytes[at + HOPS_FORWARD] = forward;
    return changed;
  }

  noteDelays(path: number, sequence: number, forwardNs: number, reverseNs: number): void {
    this.doubles[path * 3] = forwardNs;
    this.doubles[path * 3 + 1] = reverseNs;
    this.words[path * 6 + NEXT] = sequence + 1;
  }

  /** Whether the previous probe has delays. */
  follows(path: number, sequence: number): boolean {
    return sequence !== 0 && this.words[path * 6 + NEXT] === sequence;
  }
  forwardNs(path: number): number {
    return this.doubles[path * 3];
  }
  reverseNs(path: number): number {
    return this.doubles[path * 3 + 1];
  }

  /** 255: unknown. */
  dscpReverse(path: number): number {
    return this.bytes[path * BYTES + DSCP_REVERSE];
  }
  dscpForward(path: number): number {
    return this.bytes[path * BYTES + DSCP_FORWARD];
  }
  hopsReverse(path: number): number {
    return this.bytes[path * BYTES + HOPS_REVERSE];
  }
  hopsForward(path: number): number {
    return this.bytes[path * BYTES + HOPS_FORWARD];
  }

  /** Forgets a stream: its number may be reused. */
  forget(stream: number): void {
    this.clear(stream * this.sourcePorts, Math.min((stream + 1) * this.sourcePorts, this.bytes.length / BYTES));
  }

  private clear(from: number, to: number): void {
    if (to <= from) return;
    this.bytes.fill(0, from * BYTES, to * BYTES);
    for (let path = from; path < to; path++)
      this.bytes.fill(UNKNOWN_BYTE, path * BYTES + DSCP_REVERSE, (path + 1) * BYTES);
  }
}

const differ = (before: number, now: number): boolean =>
  before !== UNKNOWN_BYTE && now !== UNKNOWN_BYTE && before !== now;
