/** Makes a writer of its config. A new kind of sink has a branch here, a type in `config.ts` and a file of its own. */

import type { Logger } from 'pino';
import type { Writer } from '../types.js';
import { WRITER_DEFAULTS, type WriterConfig } from './config.js';
import { openFileWriter } from './file.js';
import { InfluxWriter } from './influx.js';

/** @throws LlamaError `LLAMA_STATE_UNWRITABLE`, `LLAMA_STATE_IN_USE`: the directory of a file writer. Databases are not asked before the first write. */
export async function createWriter(config: WriterConfig, logger: Logger): Promise<Writer> {
  const name = writerName(config);
  switch (config.kind) {
    case 'influx1':
    case 'influx2':
      return new InfluxWriter(config, name);
    case 'file':
      return openFileWriter(config, name, logger);
    default: {
      const never: never = config;
      throw new Error(`no writer of this kind: ${JSON.stringify(never)}`);
    }
  }
}

/** Kind, place, and the layout when it is not the usual one: what tells a config's writers apart. Never a password. */
export function writerName(config: WriterConfig): string {
  const layout = config.layout === undefined || config.layout === WRITER_DEFAULTS.layout ? '' : ` ${config.layout}`;
  return `${config.kind} ${placeOf(config)}${layout}`;
}

function placeOf(config: WriterConfig): string {
  if (config.kind === 'file') return config.dir;
  const url = new URL(config.url);
  const base = `${url.origin}${url.pathname.replace(/\/$/, '')}`;
  if (config.kind === 'influx2') return `${base} ${config.org}/${config.bucket}`;
  return `${base} ${config.database}${config.retentionPolicy === undefined ? '' : `/${config.retentionPolicy}`}`;
}
