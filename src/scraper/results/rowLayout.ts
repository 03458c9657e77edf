/**
 * Which values of a row's shape the fields of a row are. A layout is made once for a shape. It keeps sets of tags, so
 * that the rows of one target share theirs.
 */

import { BOOLEAN, TEXT } from './jsonValue.js';
import { inside } from './rowPattern.js';
import type { RowShape } from './rowShape.js';
import { TextCache } from './textCache.js';

export const NOWHERE = -1;

/** Fields by their places in a layout. */
export const ROW = {
  ...{ group: 0, protocol: 1, source: 2, target: 3, class: 4, hdr: 5 },
  ...{ port: 6, dscp: 7, sent: 8, received: 9, lost: 10, unreachable: 11, lossPct: 12, late: 13, duplicates: 14 },
  ...{ reordered: 15, sendErrors: 16, localDrops: 17, tooBig: 18, residenceUs: 19, jitterUs: 20, lostForward: 21 },
  ...{ lostReverse: 22, lostUnknown: 23, remarked: 24, ceMarks: 25, hopChanges: 26, mtu: 27 },
} as const;
export const RTT = { min: 28, mean: 29, stddev: 30, p50: 31, p90: 32, p99: 33, p999: 34, max: 35 } as const;
export const FORWARD = { mean: 36, relative: 37 } as const;
export const REVERSE = { mean: 38, relative: 39 } as const;
const PATHS = [
  ...Object.keys(ROW),
  ...Object.keys(RTT).map((name) => inside('rttUs', name)),
  ...Object.keys(FORWARD).map((name) => inside('forwardUs', name)),
  ...Object.keys(REVERSE).map((name) => inside('reverseUs', name)),
];
const TAGS = inside('tags', '');
const SEND_ERRORS = 'sendErrorsBy';
const UNREACHABLES = 'unreachableBy';
const TOO_BIGS = 'tooBigBy';

export type Tags = Readonly<Record<string, string>>;
export const NO_TAGS: Tags = Object.freeze({});
/** Sets of tags that all layouts know, and the bytes of one. */
const MOST_TAGS = 8192;
const MOST_TAG_BYTES = 512;

export const texts = new TextCache();

const isText = (at: number): boolean => at <= ROW.hdr;
const isTruth = (at: number): boolean => at === FORWARD.relative || at === REVERSE.relative;

/** Which of a shape's values the fields are. */
export class Layout {
  /** Indexes of the shape's values; `NOWHERE`. */
  readonly fields: Int32Array;
  private readonly tags: readonly { readonly name: string; readonly value: number }[];
  /** By entry of the lists. */
  readonly sendErrors: readonly { readonly count: number; readonly errno: number }[];
  readonly unreachables: readonly Readonly<Record<'count' | 'type' | 'code' | 'reason' | 'from', number>>[];
  readonly tooBigs: readonly Readonly<Record<'count' | 'mtu' | 'from', number>>[];
  private readonly known = new Map<string, Tags>();
  /** All that know sets of tags, and how many. */
  private static readonly knowing = new Set<Layout>();
  private static knownTags = 0;

  constructor({ values }: RowShape) {
    this.fields = Int32Array.from(PATHS, (path, at) => {
      const index = values.findIndex((value) => value.path === path);
      const kind = values[index]?.kind;
      return isText(at) === (kind === TEXT) && isTruth(at) === (kind === BOOLEAN) ? index : NOWHERE;
    });
    this.tags = values.flatMap(({ path }, value) =>
      path.startsWith(TAGS) ? [{ name: path.slice(TAGS.length), value }] : [],
    );
    const entries = (list: string, name: string): number[] =>
      values.flatMap(({ path }, value) => (path === inside(inside(list, list), name) ? [value] : []));
    const [errnos, reasons] = [entries(SEND_ERRORS, 'errno'), entries(UNREACHABLES, 'reason')];
    this.sendErrors = entries(SEND_ERRORS, 'count').map((count, i) => ({ count, errno: errnos[i] ?? NOWHERE }));
    const [types, codes, origins] = ['type', 'code', 'from'].map((name) => entries(UNREACHABLES, name));
    this.unreachables = entries(UNREACHABLES, 'count').map((count, i) => ({
      count,
      type: types[i] ?? NOWHERE,
      code: codes[i] ?? NOWHERE,
      reason: reasons[i] ?? NOWHERE,
      from: origins[i] ?? NOWHERE,
    }));
    const [mtus, routers] = ['mtu', 'from'].map((name) => entries(TOO_BIGS, name));
    this.tooBigs = entries(TOO_BIGS, 'count').map((count, i) => ({
      count,
      mtu: mtus[i] ?? NOWHERE,
      from: routers[i] ?? NOWHERE,
    }));
  }

  /**
   * The same object for the same tags, while cached: a comparison with the tags of the interval before is then cheap.
   */
  tagsIn(bytes: Buffer, starts: Uint32Array, ends: Uint32Array): Tags {
    const { tags } = this;
    if (tags.length === 0) return NO_TAGS;
    const from = starts[tags[0].value];
    const end = ends[tags[tags.length - 1].value];
    if (end - from > MOST_TAG_BYTES) return this.newTags(bytes, starts, ends);
    const key = texts.of(bytes, from, end);
    let found = this.known.get(key);
    if (found === undefined) {
      found = this.newTags(bytes, starts, ends);
      if (Layout.knownTags === MOST_TAGS) Layout.forgetTags();
      Layout.knownTags += 1;
      Layout.knowing.add(this);
      this.known.set(key, found);
    }
    return found;
  }

  private newTags(bytes: Buffer, starts: Uint32Array, ends: Uint32Array): Tags {
    return Object.fromEntries(this.tags.map(({ name, value }) => [name, texts.of(bytes, starts[value], ends[value])]));
  }

  private static forgetTags(): void {
    for (const layout of Layout.knowing) layout.known.clear();
    Layout.knowing.clear();
    Layout.knownTags = 0;
  }
}

const layouts = new WeakMap<RowShape, Layout>();

export function layoutOf(shape: RowShape): Layout {
  let layout = layouts.get(shape);
  if (layout === undefined) {
    layout = new Layout(shape);
    layouts.set(shape, layout);
  }
  return layout;
}
