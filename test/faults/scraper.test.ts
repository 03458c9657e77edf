/** Fifty faults, which take more than a minute; the soak has half an hour. */

import { onceSuite } from './suites/once.js';

onceSuite({ seed: Number(process.env.LLAMA_SEED ?? 1), faults: 50, runMs: 60_000, retention: 28, outageMs: 31_000 });
