/** The stall suite in its short form. */

import { stallSuite } from './suites/stall.js';

stallSuite({ stalls: 1 });
