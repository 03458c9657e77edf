/** A minute of it; the soak has half an hour. */

import { onceSuite } from './suites/once.js';

onceSuite({ seed: Number(process.env.LLAMA_SEED ?? 1), faults: 8, runMs: 36_000, retention: 28, outageMs: 31_000 });
