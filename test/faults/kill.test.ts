/** The short form; the soak has the long one. */

import { killSuite } from './suites/kill.js';

killSuite({ requests: 300, kills: 5, seed: 1 });
