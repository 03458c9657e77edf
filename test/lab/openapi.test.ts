/** The documents of the services against Schemathesis, in the short form. */

import { openApiSuite } from './suites/openapi.js';

openApiSuite({ examples: 10, seconds: 40, seed: 1 });
