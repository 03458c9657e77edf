/** The suites of the lab in their long forms: minutes each. */

import { ecmpSuite } from './suites/ecmp.js';
import { lossSuite } from './suites/loss.js';
import { openApiSuite } from './suites/openapi.js';
import { reloadSuite } from './suites/reload.js';
import { rttSuite } from './suites/rtt.js';
import { stallSuite } from './suites/stall.js';

ecmpSuite({ seconds: 300 });
lossSuite({ lossyIntervals: 60, turns: 16 });
reloadSuite({ seconds: 300, kills: 60 });
stallSuite({ stalls: 30 });
rttSuite({ seconds: 60 });
openApiSuite({ examples: 300, seconds: 900, seed: 2 });
