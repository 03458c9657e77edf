/** A thousand requests, on several seeds. */

import { killSuite } from './suites/kill.js';

for (const seed of [1, 2, 3]) killSuite({ requests: 1000, kills: 20, seed });
