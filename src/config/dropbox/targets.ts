/** Targets and their tags, as both forms of LLAMA's configuration have them. */

import { parseAddress } from '../address.js';
import type { Path } from '../files/problems.js';
import { isNothing, type LegacyInput, plainHost, shown } from './input.js';

export interface LegacyTarget {
  readonly address: string;
  readonly port: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** Tags are text to text: every value counts as the written text, so `rack: 007` is "007" and `up: yes` is "yes". */
export function readTags(input: LegacyInput, value: unknown, path: Path): Record<string, string> {
  const entries: [string, string][] = [];
  for (const [tag, text] of Object.entries(input.map(value, path, 'a map of tags, text to text'))) {
    if (typeof text === 'string') entries.push([tag, text]);
    else if (isNothing(text)) entries.push([tag, '']);
    else input.report([...path, tag], `found ${shown(text)}, expected text: tags cannot be nested`);
  }
  return Object.fromEntries(entries);
}

/**
 * Puts a target into the list of its group, and remembers where it came from. The same one again replaces the tags, as
 * in LLAMA.
 */
export class TargetList {
  readonly targets: LegacyTarget[] = [];
  private readonly indexes = new Map<string, number>();
  private readonly input: LegacyInput;
  private readonly own: Path;

  /** `own` is the path of the list in our form. */
  constructor(input: LegacyInput, own: Path) {
    this.input = input;
    this.own = own;
  }

  add(
    { address: written, port, tags }: LegacyTarget,
    places: { readonly target: Path; readonly address: Path; readonly at: 'key' | 'value'; readonly tags: Path },
  ): void {
    const address = plainHost(written);
    const key = `${parseAddress(address)?.address ?? address} ${port}`;
    const known = this.indexes.get(key);
    const index = known ?? this.targets.length;
    this.indexes.set(key, index);
    this.targets[index] = { address, port, tags };
    if (known !== undefined)
      this.input.note(
        places.address,
        `${address} with port ${port} is in the list twice: it is probed once, with the tags of the last`,
        places.at,
      );
    const own = [...this.own, index];
    this.input.came(own, places.target, places.at);
    this.input.came([...own, 'address'], places.address, places.at);
    this.input.came([...own, 'tags'], places.tags);
  }
}
