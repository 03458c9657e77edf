/** Some thousand requests, on several seeds. */

import { killSuite } from './suites/kill.js';

for (const seed of [1, 2, 3]) killSuite({ requests: 3000, kills: 40, startKills: 10, seed });
