/**
 * The validated config of a writer: one destination of results. Readers of a config create these;
 * `scraper/delivery/delivery.ts` creates the writer. Later code does not check again.
 */

/**
 * The points of an interval: `llama` is one point of measurement `raw_stats` for a row, with every field;
 * `llama-legacy` is the form of Dropbox's LLAMA in Python, measurements `rtt` and `loss` with a field `value`.
 */
export type PointLayout = 'llama' | 'llama-legacy';

export const POINT_LAYOUTS: readonly PointLayout[] = ['llama', 'llama-legacy'];

export type WriterConfig = Influx2Config | Influx1Config | FileConfig;

interface CommonConfig {
  /** Default `llama`. */
  readonly layout?: PointLayout;
}

interface HttpConfig extends CommonConfig {
  /** Base URL, `http://127.0.0.1:8086`; a path in it stays in front of the API's own. */
  readonly url: string;
  /** Points in one request; default 5000. */
  readonly batchPoints?: number;
  /** Timeout of one request, ms; default 10,000. */
  readonly timeoutMs?: number;
  /** Whether requests are compressed; default true. */
  readonly gzip?: boolean;
}

/** InfluxDB 2 and 3, VictoriaMetrics: `/api/v2/write`. */
export interface Influx2Config extends HttpConfig {
  readonly kind: 'influx2';
  readonly org: string;
  readonly bucket: string;
  /** At most one of the two; a file is read again when the database says 401. */
  readonly token?: string;
  readonly tokenFile?: string;
}

/** InfluxDB 1, and servers that accept its `/write?db=`. */
export interface Influx1Config extends HttpConfig {
  readonly kind: 'influx1';
  readonly database: string;
  readonly user?: string;
  /** At most one of the two; a file is read again when the database says 401. */
  readonly password?: string;
  readonly passwordFile?: string;
  /** Default: that of the database. */
  readonly retentionPolicy?: string;
}

/** Line protocol in files, for `influx write`, Telegraf or an archive. */
export interface FileConfig extends CommonConfig {
  readonly kind: 'file';
  /** Made when it is missing. */
  readonly dir: string;
  /** A file is closed, and the next begun, when it has grown to this, bytes; default 64 MiB. */
  readonly maxBytes?: number;
  /** … or when it is this old, ms; default one hour. */
  readonly maxAgeMs?: number;
  /** Number of closed files to keep, the oldest being removed; default 0: all. */
  readonly keep?: number;
}

export const WRITER_DEFAULTS = {
  layout: 'llama',
  batchPoints: 5000,
  timeoutMs: 10_000,
  gzip: true,
  maxBytes: 64 * 1024 * 1024,
  maxAgeMs: 3_600_000,
  keep: 0,
} as const;

/** Bounds of every writer's queue and spool. */
export interface DeliveryOptions {
  /** Each writer has a directory of its own in here, made when it is missing. */
  readonly stateDir: string;
  /** Bound of one writer's spool, bytes; default 1 GiB. Above it the oldest intervals are dropped, by name. */
  readonly spoolMaxBytes?: number;
  /**
   * Rows in memory for one writer. Above that, intervals go to its spool while it fails, or takes 2 s for a batch;
   * default 5,000.
   */
  readonly queueMaxRows?: number;
  /** How long an interval waits in memory for an unavailable writer before it is spooled, ms; default 5000. */
  readonly spoolAfterMs?: number;
}

export const DELIVERY_DEFAULTS = {
  spoolMaxBytes: 1024 * 1024 * 1024,
  queueMaxRows: 5_000,
  spoolAfterMs: 5000,
} as const;

/** Kind, destination, and a layout other than the default: the identity of a writer in a config. Never a password. */
export function writerName(config: WriterConfig): string {
  const layout = config.layout === undefined || config.layout === WRITER_DEFAULTS.layout ? '' : ` ${config.layout}`;
  return `${config.kind} ${placeOf(config)}${layout}`;
}

function placeOf(config: WriterConfig): string {
  if (config.kind === 'file') return config.dir;
  const base = urlPlace(config.url);
  if (config.kind === 'influx2') return `${base} ${config.org}/${config.bucket}`;
  return `${base} ${config.database}${config.retentionPolicy === undefined ? '' : `/${config.retentionPolicy}`}`;
}

/** Normalizes all spellings of a URL. An invalid one is returned unchanged: its config is being refused. */
function urlPlace(text: string): string {
  if (!URL.canParse(text)) return text;
  const { origin, pathname } = new URL(text);
  return `${origin}${pathname.replace(/\/$/, '')}`;
}
