/** The config of `llama scraper`: from its file, or from the options of the command line alone. */

import { LlamaError } from '../../base/errors.js';
import type { Path } from '../../config/files/problems.js';
import { type LoadedScraperConfig, loadScraperConfig, readScraperValue } from '../../config/scraper/config.js';
import type { ScraperOverrides } from '../../config/scraper/schema.js';

/** Options as commander delivers them. */
export interface ScraperCommandOptions extends ScraperOverrides {
  readonly config?: string;
  readonly collector?: readonly string[];
  readonly influxUrl?: string;
  readonly influxDatabase?: string;
  readonly influxOrg?: string;
  readonly influxBucket?: string;
  readonly influxTokenFile?: string;
}

const FLAGS: Readonly<Record<string, keyof ScraperCommandOptions>> = {
  '--collector': 'collector',
  '--influx-url': 'influxUrl',
  '--influx-database': 'influxDatabase',
  '--influx-org': 'influxOrg',
  '--influx-bucket': 'influxBucket',
  '--influx-token-file': 'influxTokenFile',
};

/** The option that a value of the config came from, by the last name of its path. */
const FLAG_OF: Readonly<Record<string, string>> = {
  url: '--influx-url',
  database: '--influx-database',
  org: '--influx-org',
  bucket: '--influx-bucket',
  tokenFile: '--influx-token-file',
};

/**
 * @throws LlamaError as `loadScraperConfig`, or `LLAMA_ARGUMENT_INVALID` when the options contradict each other or are
 * wrong
 */
export function scraperConfigOf(options: ScraperCommandOptions): LoadedScraperConfig {
  const given = Object.keys(FLAGS).filter((flag) => options[FLAGS[flag]] !== undefined);
  if (options.config !== undefined) {
    if (given.length > 0)
      throw wrong(
        `found --config together with ${given.join(', ')}, expected one or the other; write it into the file`,
      );
    return loadScraperConfig(options.config, options);
  }
  const { collector = [], influxUrl } = options;
  if (collector.length === 0)
    throw wrong(
      'found neither --config nor --collector, expected --config FILE, or --collector URL and --influx-url URL',
    );
  if (influxUrl === undefined)
    throw wrong(
      'found --collector without --influx-url, expected both; for files or several databases use --config FILE',
    );
  const problems: string[] = [];
  const read = readScraperValue(
    { collectors: collector, writers: [writerOf(options, influxUrl)] },
    process.env,
    options,
    (path, message, at) => problems.push(at === 'outside' ? message : `${flagAt(path)}: ${message}`),
    ([, index = 0]) => `the ${Number(index) + 1}. --collector`,
  );
  if (read === undefined) throw wrong(problems.join('\n'));
  return {
    config: read.config,
    warnings: read.warnings,
    options: read.options.map((option) => ({ ...option, from: option.origin.from })),
  };
}

function writerOf(options: ScraperCommandOptions, url: string): object {
  const { influxDatabase, influxOrg, influxBucket, influxTokenFile } = options;
  const second = influxOrg !== undefined || influxBucket !== undefined || influxTokenFile !== undefined;
  if (influxDatabase !== undefined && second)
    throw wrong(
      'found --influx-database together with options of InfluxDB 2, expected --influx-database (InfluxDB 1), or --influx-org and --influx-bucket (InfluxDB 2 or 3)',
    );
  if (influxDatabase !== undefined) return { kind: 'influx1', url, database: influxDatabase };
  if (influxOrg === undefined || influxBucket === undefined)
    throw wrong(
      'found --influx-url alone, expected --influx-database (InfluxDB 1) with it, or --influx-org and --influx-bucket (InfluxDB 2 or 3)',
    );
  const token = influxTokenFile === undefined ? {} : { tokenFile: influxTokenFile };
  return { kind: 'influx2', url, org: influxOrg, bucket: influxBucket, ...token };
}

function flagAt(path: Path): string {
  if (path[0] === 'collectors') return '--collector';
  return FLAG_OF[String(path.at(-1))] ?? String(path.at(-1) ?? 'options');
}

function wrong(message: string): LlamaError {
  return new LlamaError('LLAMA_ARGUMENT_INVALID', message);
}
