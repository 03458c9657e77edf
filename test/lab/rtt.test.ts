/** The RTT suite in its short form. */

import { rttSuite } from './suites/rtt.js';

rttSuite({ seconds: 5 });
