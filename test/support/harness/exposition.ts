/** Prometheus' text format, read back: what a scrape would store. */

import { expect } from 'chai';

export interface Exposition {
  /** By name and labels as written: `llama_groups`, `llama_thread_up{thread="aggregator"}`. */
  readonly values: ReadonlyMap<string, number>;
  /** Type of each metric, in order. */
  readonly types: ReadonlyMap<string, string>;
}

/** Throws when a line is none of the format's, or a series is there twice. */
export function readExposition(text: string): Exposition {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue;
    const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line);
    if (type !== null) {
      expect(types.has(type[1]), `${type[1]} is there twice`).to.equal(false);
      types.set(type[1], type[2]);
      continue;
    }
    const sample = /^([a-z_]+(?:\{.*\})?) (\S+)$/.exec(line);
    if (sample === null) throw new Error(`not a line of the format: ${line}`);
    expect(values.has(sample[1]), `${sample[1]} is there twice`).to.equal(false);
    values.set(sample[1], Number(sample[2]));
  }
  return { values, types };
}

/** What documentation says of a metric: name, type, names of its labels (of any series), help. */
export interface MetricFamily {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/** All metrics in order. The labels are without `le`, which every histogram has; labels made from tags are one `tag_…`. */
export function metricFamilies(text: string): MetricFamily[] {
  const families: { name: string; type: string; labels: Set<string>; help: string }[] = [];
  for (const line of text.split('\n')) {
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    const type = /^# TYPE \S+ (.*)$/.exec(line);
    const family = families.at(-1);
    if (help !== null) families.push({ name: help[1], type: '', labels: new Set(), help: help[2] });
    else if (family !== undefined && type !== null) family.type = type[1];
    else if (family !== undefined)
      for (const [, name] of line.matchAll(/[{,]([a-zA-Z_]+)="/g))
        if (name !== 'le') family.labels.add(name.replace(/^tag_.*/, 'tag_…'));
  }
  return families.map(({ labels, ...family }) => ({ ...family, labels: [...labels] }));
}
