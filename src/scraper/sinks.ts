import type { Logger } from 'pino';
import type { ScraperConfig } from '../config/scraper/types.js';
import type { Sinks } from './scraper.js';
export declare function openSinks(config: ScraperConfig, stateDir: string, logger: Logger): Promise<Sinks>;
