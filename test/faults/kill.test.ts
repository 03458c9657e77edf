/**
 * A thousand requests and 14 kills. The 50 kills that a seed asks for are in the soak, on three seeds: each costs a
 * start of the collector, so they would take a minute and a half of CI, and find nothing that these don't as long as
 * the code is as it was in the last soak.
 */

import { killSuite } from './suites/kill.js';

killSuite({ requests: 1000, kills: 10, startKills: 3, seed: 1 });
