/**
 * What was finished, as witnesses saw it on the collectors' own hosts, and what a database has: both as points by name,
 * to be held against each other.
 */

export interface Point {
  readonly sent: number;
  readonly lost: number;
}

/** What names a point: its interval and its stream. */
export interface PointName {
  readonly collector: string;
  readonly endMs: number;
  readonly group: string;
  readonly target: string;
  readonly class: string;
}

export class Ledger {
  readonly points = new Map<string, Point>();
  /** Of each collector, `endMs` of its intervals. */
  readonly ends = new Map<string, Set<number>>();
  /** Names that came twice: a database must not have any. */
  readonly twice: string[] = [];

  /** False when it was there already; throws when it was there with other numbers. */
  add(name: PointName, { sent, lost }: Point): boolean {
    const key = keyOf(name);
    const before = this.points.get(key);
    if (before !== undefined) {
      this.twice.push(key);
      if (before.sent !== sent || before.lost !== lost)
        throw new Error(`${key}: found ${sent} sent, ${lost} lost, and ${before.sent}, ${before.lost} before`);
      return false;
    }
    this.points.set(key, { sent, lost });
    const ends = this.ends.get(name.collector) ?? new Set();
    this.ends.set(name.collector, ends.add(name.endMs));
    return true;
  }

  newest(collector: string): number {
    return Math.max(0, ...(this.ends.get(collector) ?? []));
  }

  /** The points of intervals that `wanted` wants. */
  select(wanted: (collector: string, endMs: number) => boolean): Ledger {
    const selected = new Ledger();
    for (const [key, point] of this.points) {
      const [collector, endMs, group, target, trafficClass] = JSON.parse(key) as [
        string,
        number,
        string,
        string,
        string,
      ];
      if (wanted(collector, endMs)) selected.add({ collector, endMs, group, target, class: trafficClass }, point);
    }
    return selected;
  }

  sums(): { readonly points: number; readonly sent: number; readonly lost: number } {
    let sent = 0;
    let lost = 0;
    for (const point of this.points.values()) {
      sent += point.sent;
      lost += point.lost;
    }
    return { points: this.points.size, sent, lost };
  }
}

export interface Difference {
  /** In the first, not in the second. */
  readonly missing: readonly string[];
  /** In the second, not in the first. */
  readonly extra: readonly string[];
  /** In both, with other numbers. */
  readonly different: readonly string[];
}

export function compare(expected: Ledger, found: Ledger): Difference {
  const missing: string[] = [];
  const different: string[] = [];
  for (const [key, { sent, lost }] of expected.points) {
    const point = found.points.get(key);
    if (point === undefined) missing.push(key);
    else if (point.sent !== sent || point.lost !== lost) different.push(key);
  }
  return { missing, extra: [...found.points.keys()].filter((key) => !expected.points.has(key)), different };
}

function keyOf({ collector, endMs, group, target, class: trafficClass }: PointName): string {
  return JSON.stringify([collector, endMs, group, target, trafficClass]);
}
