/** The reload suite in its short form. */

import { reloadSuite } from './suites/reload.js';

reloadSuite({ seconds: 5 });
