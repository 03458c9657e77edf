/** The TLVs of a group's STAMP probes: their offsets, writing them, and reading them from a reply. */

import type { PacketSigner } from '../../wire/hmac.js';
import {
  type ProbeTlv,
  ReplyTlvs,
  readReplyTlvs,
  TLV_BYTES,
  TLV_HEADER_BYTES,
  writeClassOfService,
  writeDirectMeasurement,
  writeExtraPadding,
  writeHmacTlv,
  writeTimestampInformation,
} from '../../wire/stampTlv.js';
import type { Reply } from './format.js';

export class ProbeTlvs {
  readonly any: boolean;
  private readonly base: number;
  private readonly signer: PacketSigner | null;
  /** Offset of each TLV from the start of the packet; -1 when not asked for. */
  private readonly classOfServiceAt: number;
  private readonly directMeasurementAt: number;
  private readonly timestampInformationAt: number;
  private readonly hmacAt: number;
  /** Offset and length of the padding. */
  private readonly paddingAt: number;
  private readonly paddingBytes: number;
  private readonly said = new ReplyTlvs();

  /** `base`: bytes of the packet before the TLVs. Where `payloadBytes` leaves space for a padding TLV, there is one. */
  constructor(names: readonly ProbeTlv[], base: number, payloadBytes: number, signer: PacketSigner | null) {
    this.any = names.length > 0;
    this.base = base;
    this.signer = signer;
    let end = base;
    const place = (name: ProbeTlv): number => {
      if (!names.includes(name)) return -1;
      end += TLV_BYTES[name];
      return end - TLV_BYTES[name];
    };
    this.classOfServiceAt = place('classOfService');
    this.directMeasurementAt = place('directMeasurement');
    this.timestampInformationAt = place('timestampInformation');
    this.hmacAt = this.any && signer !== null ? end : -1;
    if (this.hmacAt >= 0) end += TLV_BYTES.hmac;
    this.paddingAt = end;
    this.paddingBytes = this.any && payloadBytes - end >= TLV_HEADER_BYTES ? payloadBytes - end : 0;
  }

  /** Writes the constant bytes of the packet at `at`. */
  writeFrame(view: DataView, at: number): void {
    if (this.timestampInformationAt >= 0) writeTimestampInformation(view, at + this.timestampInformationAt);
    if (this.paddingBytes > 0) writeExtraPadding(view, at + this.paddingAt, this.paddingBytes);
  }

  /**
   * Hot: writes the bytes that differ between probes. A path's probes are numbered from 1, so a number is also the
   * count of sent probes.
   */
  write(view: DataView, at: number, sequence: number, tos: number): void {
    if (this.classOfServiceAt >= 0) writeClassOfService(view, at + this.classOfServiceAt, tos >> 2);
    if (this.directMeasurementAt >= 0) writeDirectMeasurement(view, at + this.directMeasurementAt, sequence);
    if (this.hmacAt >= 0 && this.signer !== null) writeHmacTlv(this.signer, view, at, at + this.base, at + this.hmacAt);
  }

  /**
   * Hot: reads the TLVs of a reply. False when they are malformed or forged. A reply without TLVs, from a reflector
   * without TLV support, is valid.
   */
  read(view: DataView, at: number, length: number, reply: Reply): boolean {
    const { said, base } = this;
    if (!this.any || length <= base) return true;
    if (!readReplyTlvs(view, at, at + base, at + length, this.signer, said)) return false;
    reply.dscp = said.dscpReceived;
    reply.ecn = said.ecnReceived;
    // One less, so that a reflector whose count began with this session is behind the sender's numbers, and differs
    // from a stateless one.
    if (said.received >= 0) reply.number = (said.received - 1) >>> 0;
    return true;
  }
}
