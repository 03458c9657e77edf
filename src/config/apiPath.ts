/** A path of the API of a collector at the end of a URL: the scraper puts it there itself. */
export const API_PATH = /\/(v1(\/.*)?|influxdata|metrics)$/;
