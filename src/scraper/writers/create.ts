/**
 * Makes a writer of its config. A new kind of sink has a branch here, a type in `writerConfig.ts` and a file of its
 * own.
 */

import type { Logger } from 'pino';
import { type WriterConfig, writerName } from '../../config/scraper/writerConfig.js';
import type { Writer } from '../results/types.js';
import { openFileWriter } from './file.js';
import { InfluxWriter } from './influx.js';

/**
 * @throws LlamaError `LLAMA_STATE_UNWRITABLE`, `LLAMA_STATE_IN_USE`: the directory of a file writer. Databases are not
 * asked before the first write.
 */
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
