/** The reload suite in its short form. */

import { reloadSuite } from './suites/reload.js';

reloadSuite({ kills: 4, seconds: 5 });
