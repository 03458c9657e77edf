/** Entry of the thread that reads long lists of targets. It must never hold any logic of its own. */

import { parseTargets } from '../src/targets/targetParser.js';

export default parseTargets;
