/**
 * One spine of the lab: nftables rules that drop what they are told to, and count every UDP packet of every flow before
 * and behind them, so that what a collector reports can be held against what really passed, to the packet.
 *
 * Three chains on the forward hook, one behind the other: `arrive` counts, `loss` drops, `leave` counts again.
 */

/** Runs a command on the spine; resolves with its stdout. */
export type Exec = (command: string, args: readonly string[], input?: string) => Promise<string>;

/** Side that packets come from. */
export type Side = 'A' | 'B';

export interface DropRule {
  /** 0 to 100, in steps of 0.1. */
  readonly percent: number;
  /** Only packets of this DSCP. */
  readonly dscp?: number;
  /** Only packets that come from this side. */
  readonly from?: Side;
}

export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** A UDP flow, seen from A in both directions. */
export interface FlowCount {
  /** UDP port of A's end. */
  readonly sourcePort: number;
  /** Address of B's end. */
  readonly target: string;
  readonly dscp: number;
  /** Packets that came to the spine, before any drop rule. */
  readonly arrived: number;
  /** Packets that left it. */
  readonly forwarded: number;
}

/** What one direction saw. Bytes are those of the IP packets. */
export interface DirectionCounters {
  readonly arrived: Count;
  readonly forwarded: Count;
  readonly dropped: Count;
  /** UDP only. */
  readonly flows: readonly FlowCount[];
}

export interface SpineCounters {
  readonly fromA: DirectionCounters;
  readonly fromB: DirectionCounters;
}

const TABLE = 'lab';
const SIDES: readonly Side[] = ['A', 'B'];
const DEVICE: Record<Side, string> = { A: 'left', B: 'right' };
const STAGES = ['arrived', 'forwarded'] as const;
type Stage = (typeof STAGES)[number];

/**
 * The DSCP is taken from the first 16 bits of the IP header: `ip6 dscp` crosses a byte, and nft 1.0.6 makes a wrong set
 * key of it. The set's size is also its number of hash buckets, so it never grows and no packet meets it growing.
 */
function flowSet(stage: Stage, side: Side, family: 4 | 6): string {
  const address = `${family === 4 ? 'ip' : 'ip6'} ${side === 'A' ? 'daddr' : 'saddr'}`;
  const key = `udp ${side === 'A' ? 'sport' : 'dport'} . ${address} . @nh,0,16`;
  const name = `${stage}${side}${family}`;
  return `
    set ${name} { typeof ${key}; size 8192; flags dynamic; counter; }
    chain ${stage}Chain { iifname "${DEVICE[side]}" meta nfproto ipv${family} meta l4proto udp add @${name} { ${key} } ; }`;
}

function ruleset(): string {
  const counters = SIDES.flatMap((side) =>
    [...STAGES, 'dropped'].map((what) => `counter ${what}${side} { packets 0 bytes 0 }`),
  );
  const hooks = [
    'chain arrivedChain { type filter hook forward priority -10; }',
    'chain loss { type filter hook forward priority 0; }',
    'chain forwardedChain { type filter hook forward priority 10; }',
  ];
  const counting = STAGES.flatMap((stage) =>
    SIDES.flatMap((side) => [
      `chain ${stage}Chain { iifname "${DEVICE[side]}" counter name ${stage}${side} ; }`,
      flowSet(stage, side, 4),
      flowSet(stage, side, 6),
    ]),
  );
  return `table inet ${TABLE} {\n${[...counters, ...hooks, ...counting].join('\n')}\n}\n`;
}

/** The parts of nft's JSON that are read here. */
interface NftElement {
  readonly elem: { readonly val: { readonly concat: readonly [number, string, number] }; readonly counter: Count };
}
interface NftItem {
  readonly counter?: Count & { readonly name: string };
  readonly set?: { readonly name: string; readonly elem?: readonly NftElement[] };
}

export class Spine {
  readonly name: string;
  private readonly exec: Exec;

  constructor(name: string, exec: Exec) {
    this.name = name;
    this.exec = exec;
  }

  async install(): Promise<void> {
    await this.exec('nft', ['-f', '-'], ruleset());
  }

  /** Adds a rule; when it resolves, the rule works. */
  async drop(rule: DropRule): Promise<void> {
    const perMille = rule.percent * 10;
    if (!Number.isInteger(perMille) || perMille < 0 || perMille > 1000)
      throw new RangeError(`drop percent ${rule.percent}: expected 0 to 100 in steps of 0.1`);
    const lines = SIDES.filter((side) => rule.from === undefined || rule.from === side).flatMap((side) => {
      const from = `iifname "${DEVICE[side]}"`;
      const what = rule.dscp === undefined ? [''] : [`ip dscp ${rule.dscp}`, `ip6 dscp ${rule.dscp}`];
      return what.map(
        (match) =>
          `add rule inet ${TABLE} loss ${from} ${match} numgen random mod 1000 < ${perMille} counter name dropped${side} drop`,
      );
    });
    await this.exec('nft', ['-f', '-'], `${lines.join('\n')}\n`);
  }

  /** Rewrites a marking of what comes from a side; when it resolves, the rule works. `clear` takes it back. */
  async remark(from: Side, dscp: number, to: number): Promise<void> {
    const lines = ['ip', 'ip6'].map(
      (family) =>
        `add rule inet ${TABLE} loss iifname "${DEVICE[from]}" ${family} dscp ${dscp} ${family} dscp set ${to}`,
    );
    await this.exec('nft', ['-f', '-'], `${lines.join('\n')}\n`);
  }

  /**
   * Marks what comes from a side and says that it may be marked (ECT(0)) with "congestion experienced", as a full queue
   * does. `clear` takes it back.
   */
  async markCongestion(from: Side): Promise<void> {
    const lines = ['ip', 'ip6'].map(
      (family) => `add rule inet ${TABLE} loss iifname "${DEVICE[from]}" ${family} ecn ect0 ${family} ecn set ce`,
    );
    await this.exec('nft', ['-f', '-'], `${lines.join('\n')}\n`);
  }

  /** Removes all drop rules; the counters stay. */
  async clear(): Promise<void> {
    await this.exec('nft', ['flush', 'chain', 'inet', TABLE, 'loss']);
  }

  /**
   * Everything since the lab was made. Packets that pass while it is read may be in one part and not yet in another.
   */
  async counters(): Promise<SpineCounters> {
    const text = await this.exec('nft', ['-j', 'list', 'table', 'inet', TABLE]);
    const { nftables } = JSON.parse(text) as { nftables: readonly NftItem[] };
    const counters = new Map(nftables.flatMap((item) => (item.counter ? [[item.counter.name, item.counter]] : [])));
    const sets = new Map(nftables.flatMap((item) => (item.set ? [[item.set.name, item.set.elem ?? []]] : [])));
    const count = (name: string): Count => {
      const { packets, bytes } = counters.get(name) as Count;
      return { packets, bytes };
    };
    const direction = (side: Side): DirectionCounters => ({
      arrived: count(`arrived${side}`),
      forwarded: count(`forwarded${side}`),
      dropped: count(`dropped${side}`),
      flows: flows(
        ([4, 6] as const).flatMap((family) => elements(sets.get(`arrived${side}${family}`), family)),
        ([4, 6] as const).flatMap((family) => elements(sets.get(`forwarded${side}${family}`), family)),
      ),
    });
    return { fromA: direction('A'), fromB: direction('B') };
  }
}

interface Element {
  readonly sourcePort: number;
  readonly target: string;
  readonly dscp: number;
  readonly packets: number;
}

function elements(list: readonly NftElement[] | undefined, family: 4 | 6): Element[] {
  return (list ?? []).map(({ elem }) => {
    const [sourcePort, target, head] = elem.val.concat;
    return { sourcePort, target, dscp: (head >> (family === 4 ? 2 : 6)) & 63, packets: elem.counter.packets };
  });
}

/** A flow may stand in a set several times (the key holds ECN and some of the flow label): here it stands once. */
function flows(arrived: readonly Element[], forwarded: readonly Element[]): FlowCount[] {
  const byKey = new Map<string, { -readonly [K in keyof FlowCount]: FlowCount[K] }>();
  for (const [list, stage] of [
    [arrived, 'arrived'],
    [forwarded, 'forwarded'],
  ] as const) {
    for (const { sourcePort, target, dscp, packets } of list) {
      const key = flowKey(sourcePort, target, dscp);
      const flow = byKey.get(key) ?? { sourcePort, target, dscp, arrived: 0, forwarded: 0 };
      flow[stage] += packets;
      byKey.set(key, flow);
    }
  }
  return [...byKey.values()];
}

/** One text per flow, to look it up by. */
export function flowKey(sourcePort: number, target: string, dscp: number): string {
  return `${sourcePort} ${target} ${dscp}`;
}
