/** The ECMP suite in its short form. */

import { ecmpSuite } from './suites/ecmp.js';

ecmpSuite({ seconds: 3 });
