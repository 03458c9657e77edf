/** Entry of the thread that reads long lists of targets. It must never contain logic. */

import { parseTargets } from '../src/targets/targetParser.js';

export default parseTargets;
