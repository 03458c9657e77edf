/** A configuration of Dropbox's LLAMA as one of ours. The only entry to this folder. */

import type { Report } from '../files/problems.js';
import type { YamlInput } from '../files/yaml.js';
import { convertFull } from './full.js';
import { type Converted, LegacyInput } from './input.js';
import { convertSimple } from './simple.js';

/**
 * `yaml` was read with `textOnly`. Problems are reported with their position in the LLAMA file; the value is valid only
 * without problems.
 */
export function convertLegacy(form: 'simple' | 'full', yaml: YamlInput, fileName: string, report: Report): Converted {
  const input = new LegacyInput(yaml, fileName, report);
  return form === 'simple' ? convertSimple(input) : convertFull(input);
}
