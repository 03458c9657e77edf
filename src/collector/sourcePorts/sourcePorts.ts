/**
 * The collector's source ports: all sets of sockets, which belong to the main thread. The UDP set of `source` is opened
 * at the start and lives as long as the collector, so that a path stays the same flow. The others are opened when a
 * group first needs them, and are closed some time after the last group that did: when every probe from them is
 * decided.
 */

import { LlamaError } from '../../base/errors.js';
import { MS_PER_S, nsToMs } from '../../base/units.js';
import { basePortOf, GRACE_NS, sourceInterfaceOf } from '../../config/group/limits.js';
import type { Group, SourceSettings, TimestampMode } from '../../config/types.js';
import { type Refusals, refusedFeatures, type SocketFeature, type Stamps } from '../../net/features.js';
import { SystemCallError } from '../../net/libc.js';
import { UNFRAGMENTED_BYTES } from '../../net/socket.js';
import { type SourceSocket, transportOf } from '../../threads/messages.js';
import { grantedStamps, lacksOf } from './refusals.js';
import { FAMILIES, type Family, heals, SourceSet, type SourceSetOptions } from './sourceSet.js';

/**
 * The kernel doubles it and takes about 768 bytes for a small packet, so it has capacity for 20,000 replies or send
 * stamps.
 */
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;
/** Below this, replies to a busy source port may be dropped here. */
const RECEIVE_BUFFER_MIN_BYTES = 1024 * 1024;
const SEND_BUFFER_BYTES = 4 * 1024 * 1024;
const BUFFERS = { receiveBufferBytes: RECEIVE_BUFFER_BYTES, sendBufferBytes: SEND_BUFFER_BYTES } as const;

/** The part of a group that selects the set of its probes. */
type SetUser = Pick<Group, 'protocol' | 'sourceInterface'>;

interface SourcePortsOptions {
  readonly source: SourceSettings;
  readonly timestamps: TimestampMode;
  readonly threads: number;
  /** Families whose ports must be free at the start; default IPv4. */
  readonly needed?: ReadonlySet<Family>;
  /** Returns the features that the kernel refuses. */
  readonly refused?: (family: Family) => Refusals;
}

interface Renewal {
  readonly atMs: number;
  /** Until then, by family and set. */
  readonly ports: ReadonlyMap<string, readonly number[]>;
}

/** Time after its timeout during which a reply is still recognized as late. */
export const LATE_MS = MS_PER_S;
/** A set that was opened for a group that never came into force is closed after this time. */
const UNUSED_MS = 60 * MS_PER_S;

/** Renewals that are remembered for intervals of before: an hour of them. */
const MOST_RENEWALS = 60;

export class SourcePorts {
  /** The kinds of the sockets' time stamps. */
  readonly stamps: Stamps;
  private readonly options: SourcePortsOptions;
  private readonly refused: ReadonlyMap<Family, Refusals>;
  private readonly sets = new Map<string, SourceSet>();
  private numbers = 0;
  /** Replaced sets that replies may still come to. */
  private draining: SourceSet[] = [];
  /** Sockets that are about to be closed. */
  private released: SourceSet[] = [];
  /** When sets without a group are closed, by the clock of `retire`; and sets that no thread starts to use any more. */
  private readonly keepUntilMs = new Map<string, number>();
  private retired: SourceSet[] = [];
  /** When ports were renewed, epoch ms, and the sets before; newest last. */
  private renewals: Renewal[] = [];

  /**
   * Throws `LLAMA_ADDRESS_IN_USE`, `LLAMA_NO_FILES`, `LLAMA_PRIVILEGE` or `LLAMA_SYSTEM_CALL`; no socket stays open
   * then.
   */
  constructor(options: SourcePortsOptions) {
    this.options = options;
    const { refused = refusedFeatures, timestamps, needed = new Set([4]) } = options;
    this.refused = new Map(FAMILIES.map((family) => [family, refused(family)]));
    this.stamps = grantedStamps(timestamps, this.refused);
    const { missing } = this.need({ protocol: 'stamp' });
    for (const [family, error] of missing) {
      if (error.code !== 'LLAMA_ADDRESS_IN_USE' || !needed.has(family)) continue;
      this.close();
      throw error;
    }
  }

  /**
   * Opens the set of a group, unless it is open. Families whose address does not exist yet are missing from it.
   * @throws LlamaError `LLAMA_NO_FILES`, `LLAMA_PRIVILEGE` or `LLAMA_SYSTEM_CALL`; no socket of the set stays open
   * then.
   */
  need(user: SetUser): SourceSet {
    const key = this.keyOf(user);
    const known = this.sets.get(key);
    if (known !== undefined) return known;
    const set = new SourceSet(this.optionsOf(user));
    try {
      for (const family of FAMILIES) {
        // Without IPv6 the collector measures by IPv4; a host without IPv4 is not supported.
        if (!set.open(family) && family === 4) throwUnlessHealing(set.missing.get(family));
      }
    } catch (error) {
      set.close();
      throw error;
    }
    this.sets.set(key, set);
    return set;
  }

  /** Families for which the kernel refuses a feature. */
  without(feature: SocketFeature): Family[] {
    return FAMILIES.filter((family) => this.refused.get(family)?.has(feature));
  }

  /** How many source ports there are. */
  get count(): number {
    return this.options.source.ports;
  }

  /** Whether the set of a group is open. */
  has(user: SetUser): boolean {
    return this.sets.has(this.keyOf(user));
  }

  /** Number of the set of a group, which must be open. */
  setOf(user: SetUser): number {
    return this.need(user).options.number;
  }

  /** The interface that probes of a group are bound to. */
  interfaceOf(user: SetUser): string | undefined {
    return sourceInterfaceOf(user, this.options.source);
  }

  /** Follows recreated interfaces, and retries missing sockets; true when there are more sockets than before. */
  retry(): boolean {
    for (const set of this.sets.values()) set.follow();
    return [...this.sets.values()].filter((set) => set.retry()).length > 0;
  }

  /** Why a family will never have UDP sockets; undefined when it has them or may have them later. */
  never(family: Family): string | undefined {
    const error = this.need({ protocol: 'stamp' }).missing.get(family);
    return error === undefined || heals(error) ? undefined : error.message;
  }

  /** Why probes of a group can't be sent as it wants; undefined when they can. */
  whyNot({ dontFragment, payloadBytes, targets }: Group): LlamaError | undefined {
    if (dontFragment !== true || payloadBytes <= UNFRAGMENTED_BYTES) return undefined;
    const family = targets.find((target) => this.refused.get(target.family)?.has('dontFragment'))?.family;
    if (family === undefined) return undefined;
    const refusal = this.refused.get(family)?.get('dontFragment');
    const message = `found dontFragment with a payload of ${payloadBytes} bytes, expected a kernel that lets sockets forbid fragmentation (${refusal}); take dontFragment out`;
    return new LlamaError('LLAMA_GROUP_INVALID', message, { problems: [{ path: '/dontFragment', message }] });
  }

  /**
   * Opens the set of a group; why the kernel refuses its sockets, undefined when they are open or may heal.
   * @throws LlamaError `LLAMA_NO_FILES`: no group could be measured then.
   */
  whyNotOpen(group: Group): LlamaError | undefined {
    try {
      this.need(group);
      return undefined;
    } catch (error) {
      if (!(error instanceof LlamaError) || error.code === 'LLAMA_NO_FILES') throw error;
      if (!(error instanceof SystemCallError)) return error;
      const found = `found a kernel that refuses a socket of protocol ${group.protocol} (${error.message})`;
      const message = `${found}, expected one that grants it; let the sandbox of this process allow the call, or take the group out`;
      return new LlamaError('LLAMA_GROUP_INVALID', message, { cause: error, problems: [{ path: '', message }] });
    }
  }

  /**
   * Port by index of the source port; of icmp the identifier, at index 0. Empty when the set of the group is not open.
   */
  ports(family: Family, user: SetUser = { protocol: 'stamp' }): number[] {
    return this.sets.get(this.keyOf(user))?.ports(family) ?? [];
  }

  /**
   * The ports of an interval in the past, epoch ms. Empty where they were renewed in the middle of it: each index was
   * two ports.
   */
  portsIn(
    family: Family,
    user: SetUser,
    { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
  ): readonly number[] {
    const later = this.renewals.find(({ atMs }) => atMs > startMs);
    if (later === undefined) return this.ports(family, user);
    return later.atMs < endMs ? [] : (later.ports.get(`${family} ${this.keyOf(user)}`) ?? []);
  }

  /**
   * Opens new ports for all sets. The old sockets stay part of `ofThread` until `release`, for outstanding replies.
   * @throws LlamaError as `need`, and the error of a family that was open before; nothing has changed then.
   */
  renew(nowMs: number): void {
    const fresh = new Map<string, SourceSet>();
    try {
      for (const [key, set] of this.sets) {
        const next = new SourceSet(set.options);
        fresh.set(key, next);
        for (const family of FAMILIES) {
          if (next.open(family) || set.missing.has(family)) continue;
          throw next.missing.get(family);
        }
      }
    } catch (error) {
      for (const set of fresh.values()) set.close();
      throw error;
    }
    const ports = new Map<string, readonly number[]>();
    for (const [key, set] of this.sets) for (const family of FAMILIES) ports.set(`${family} ${key}`, set.ports(family));
    this.renewals = [...this.renewals, { atMs: nowMs, ports }].slice(-MOST_RENEWALS);
    this.draining.push(...this.sets.values());
    for (const [key, set] of fresh) this.sets.set(key, set);
  }

  /**
   * The sockets that `renew` replaced. An incarnation of a thread that starts later does not get them: `drained` is
   * about to close them.
   */
  release(): SourceSocket[] {
    this.released.push(...this.draining);
    this.draining = [];
    return this.released.flatMap(({ sockets }) => [...sockets]);
  }

  /** Closes the released sockets; no thread may use them any more. */
  drained(): void {
    for (const set of this.released) set.close();
    this.released = [];
  }

  /**
   * Removes the sets that no group in force has used during the time in which their probes were decided. Returns their
   * sockets: `closeRetired` closes them when no thread uses them any more. Call it periodically.
   */
  retire(inForce: readonly Group[], nowMs: number): SourceSocket[] {
    const used = new Set([{ protocol: 'stamp' } as const, ...inForce].map((user) => this.keyOf(user)));
    for (const [key, set] of this.sets) {
      const untilMs = this.keepUntilMs.get(key) ?? nowMs + UNUSED_MS;
      if (!used.has(key)) this.keepUntilMs.set(key, untilMs);
      if (used.has(key) || nowMs < untilMs) continue;
      this.sets.delete(key);
      this.keepUntilMs.delete(key);
      this.retired.push(set);
    }
    return this.retired.flatMap(({ sockets }) => [...sockets]);
  }

  /** The last probes of a group have been sent, or the last probes to some of its targets. */
  ended(group: Group, nowMs: number): void {
    const key = this.keyOf(group);
    const untilMs = nowMs + nsToMs(group.timeoutNs + GRACE_NS) + LATE_MS;
    this.keepUntilMs.set(key, Math.max(untilMs, this.keepUntilMs.get(key) ?? 0));
  }

  /** Closes the sockets that `retire` removed. */
  closeRetired(): void {
    for (const set of this.retired) set.close();
    this.retired = [];
  }

  /**
   * A set of one port of its own, that is not among the collector's, with this family only. The caller closes it.
   * @throws LlamaError as `need`.
   */
  fresh(user: SetUser, family: Family): SourceSet {
    const set = new SourceSet({ ...this.optionsOf(user), ports: 1, basePort: 0, threads: 1 });
    if (!set.open(family)) throw set.missing.get(family);
    return set;
  }

  /** Indexes of the source ports of a thread: they are assigned round-robin. */
  indexesOf(thread: number): number[] {
    const { source, threads } = this.options;
    return Array.from({ length: source.ports }, (_, index) => index).filter((index) => index % threads === thread);
  }

  /** The sockets of thread `thread`, replaced ones first. */
  ofThread(thread: number): SourceSocket[] {
    const { threads } = this.options;
    return [...this.draining, ...this.sets.values()].flatMap(({ sockets }) =>
      sockets.filter(({ sourceIndex }) => sourceIndex % threads === thread),
    );
  }

  /** Warnings about missing data in results, and about probes that can't be sent; `inForce`: the probed groups. */
  warnings(inForce: readonly Group[]): string[] {
    return [
      ...lacksOf(this.options.timestamps, this.refused),
      ...this.smallBuffers(),
      ...this.missing(inForce),
      ...this.unbound(inForce),
    ];
  }

  close(): void {
    this.release();
    this.drained();
    this.closeRetired();
    for (const set of this.sets.values()) set.close();
  }

  private optionsOf(user: SetUser): SourceSetOptions {
    const { source, threads, timestamps } = this.options;
    const device = this.interfaceOf(user);
    const transport = transportOf(user.protocol);
    return {
      number: this.numbers++,
      transport,
      device,
      ports: source.ports,
      basePort: basePortOf(user, source),
      threads,
      socket: (family) => ({
        ...BUFFERS,
        family,
        address: family === 4 ? source.address : source.address6,
        device,
        tosAndTtl: true,
        icmpErrors: true,
        stamps: timestamps,
        without: this.refused.get(family) ?? new Map(),
      }),
    };
  }

  private keyOf(user: SetUser): string {
    return `${transportOf(user.protocol)} ${this.interfaceOf(user) ?? ''}`;
  }

  private smallBuffers(): string[] {
    const granted = Math.min(...[...this.sets.values()].map((set) => set.receiveBufferBytes / 2));
    return granted >= RECEIVE_BUFFER_MIN_BYTES
      ? []
      : [
          `receive buffers are ${granted} bytes: bursts of replies may be dropped here (counted as localDrops); give CAP_NET_ADMIN or raise net.core.rmem_max to ${RECEIVE_BUFFER_BYTES}`,
        ];
  }

  private unbound(inForce: readonly Group[]): string[] {
    const used = new Set(inForce.map((group) => this.keyOf(group)));
    return [...this.sets]
      .filter(([key, { unbound }]) => unbound && used.has(key))
      .map(
        ([
          ,
          {
            options: { device, transport },
          },
        ]) =>
          `the interface ${device} was deleted and made again, and this process may not bind its ${transport} sockets to it again: nothing is sent by it; give CAP_NET_RAW, or restart the collector`,
      );
  }

  private missing(inForce: readonly Group[]): string[] {
    return [...this.sets].flatMap(([key, { missing, options }]) =>
      [...missing].flatMap(([family, error]) => {
        const users = inForce.filter(
          (group) => this.keyOf(group) === key && group.targets.some((target) => target.family === family),
        );
        if (users.length === 0) return [];
        const names = users.slice(0, NAMES_IN_WARNING).map(({ name }) => name);
        const more = users.length > names.length ? ` and ${users.length - names.length} more groups` : '';
        return [
          `no IPv${family} source ports for ${options.transport}: nothing is sent to the IPv${family} targets of ${names.join(', ')}${more}; tried again every few seconds: ${error.message}`,
        ];
      }),
    );
  }
}

/** Groups that a warning names. */
const NAMES_IN_WARNING = 3;

function throwUnlessHealing(error: SystemCallError | undefined): void {
  if (error !== undefined && !heals(error)) throw error;
}
