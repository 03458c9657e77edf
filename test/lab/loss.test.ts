/** The loss suite in its short form. */

import { lossSuite } from './suites/loss.js';

lossSuite({ lossyIntervals: 2, turns: 1 });
