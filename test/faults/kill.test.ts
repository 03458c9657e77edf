/** A thousand requests; the soak has more of them, on several seeds. */

import { killSuite } from './suites/kill.js';

killSuite({ requests: 1000, kills: 10, startKills: 3, seed: 1 });
