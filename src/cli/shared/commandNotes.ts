/**
 * Documentation of a command besides its options: exit codes, options of its config, examples. `--help`, the man pages
 * and the reference page are made from it.
 */

import { namedOptions, type OptionTable } from '../../config/options/optionSources.js';
import { allOptions } from '../../config/options/options.js';
import type { ProcessOption } from '../../config/options/schema.js';
import { SCRAPER_OPTIONS } from '../../config/scraper/schema.js';
import { optionsText, wrap } from './optionsHelp.js';

export interface CommandNotes {
  /** A paragraph each. */
  readonly about: readonly string[];
  /** Options of the config, which the environment can set too. */
  readonly options?: readonly { readonly name: string; readonly option: ProcessOption<unknown> }[];
  readonly exitCodes: readonly ExitCode[];
  /** Whole command lines. */
  readonly examples: readonly string[];
}

type ExitCode = readonly [code: number, meaning: string];

const EXIT_CODES: readonly ExitCode[] = [
  [0, 'fine'],
  [1, 'wrong input'],
  [2, 'could not run'],
];

const CHECK_HINT = '"llama check FILE" shows what is in effect and where each value came from.';

export const LLAMA_NOTES: CommandNotes = {
  about: [
    'Results go to stdout, logs to stderr; LLAMA_LOG_LEVEL sets how much is logged (fatal, error, warn, info, debug, trace, silent). "llama help COMMAND" lists a command\'s options.',
  ],
  exitCodes: [...EXIT_CODES, [3, '(only probe) nothing was received']],
  examples: [],
};

export const COMMAND_NOTES = {
  collector: {
    about: [
      `SIGHUP reads the config again: groups take effect at once, other options at the next start. config/default.yaml has every option, and the groups. ${CHECK_HINT}`,
    ],
    options: allOptions(),
    exitCodes: EXIT_CODES,
    examples: [
      'llama collector --config /etc/llama/collector.yaml',
      'llama collector --config /etc/llama/collector.yaml --listen 10.1.0.2:5000 --state-dir /var/lib/llama',
    ],
  },
  reflector: {
    about: [
      'All packet formats are answered on one port. A reply is as long as its request, unless that is a short one, and leaves from the address that was asked.',
    ],
    exitCodes: EXIT_CODES,
    examples: [
      'llama reflector',
      'llama reflector --listen 10.2.0.2:862 --listen "[fe80::2%eth0]:862" --allow 10.0.0.0/8 --max-pps 50000',
      'llama reflector --key-file /etc/llama/keys --status 127.0.0.1:8101',
    ],
  },
  scraper: {
    about: [
      `SIGHUP reads the config again: the list of collectors takes effect at once, the rest at the next start. config/scraper.yaml has every option, collectors and writers. ${CHECK_HINT}`,
    ],
    options: namedOptions(SCRAPER_OPTIONS as OptionTable),
    exitCodes: EXIT_CODES,
    examples: [
      'llama scraper --config scraper.yaml',
      'llama scraper --collector http://10.1.0.2:5000 --collector http://10.2.0.2:5000 --influx-url http://127.0.0.1:8086 --influx-database llama',
    ],
  },
  probe: {
    about: [
      'Durations have a unit: 500us, 10ms, 1s. The host must run "llama reflector" or another STAMP (RFC 8762) or TWAMP-Light responder; with tcp-syn (a TCP port, open or closed) and icmp nothing, but they need CAP_NET_RAW here. Ctrl-C ends early and prints what there is.',
    ],
    exitCodes: [
      [0, 'anything was received'],
      [1, 'wrong input'],
      [2, 'could not run, nothing was sent, or no probe was decided for or against the target'],
      [3, 'probes were decided and none was received'],
    ],
    examples: [
      'llama probe 10.2.0.2 --count 1000 --period 1ms --class ef --class cs0',
      'llama probe "[2001:db8:2::2]:862" --json',
      'llama probe 10.2.0.2:443 --protocol tcp-syn',
      'llama probe 10.2.0.2 --protocol icmp --sizes 64,1472,8972',
    ],
  },
  top: {
    about: [
      'Keys: q quit, m metric, c class, s sort, / filter, Tab section, arrows and pages scroll, ? help. NO_COLOR turns colours off; every value that is bad has a mark too.',
    ],
    exitCodes: [
      [0, 'fine'],
      [1, 'wrong input, or a URL at which there is no LLAMA'],
      [2, 'nothing can be reached at the start'],
    ],
    examples: [
      'llama top --url http://10.1.0.2:5000 --metric p99 --class ef',
      'llama top --url http://scraper:5050 --rows src_rack --columns dst_rack --once',
    ],
  },
  check: {
    about: [
      'It opens no socket and changes nothing. It reads the same environment as the collector and the scraper, and weighs --listen and --state-dir as they do.',
    ],
    exitCodes: [
      [0, 'the config is valid'],
      [1, 'it is not, and each line of stderr has a problem with its place'],
    ],
    examples: ['llama check config/default.yaml', 'llama check --print llama-old.yaml'],
  },
  demo: {
    about: ['It needs no root and no config. The API and the web page are on http://127.0.0.1:5000/. Ctrl-C ends it.'],
    exitCodes: EXIT_CODES,
    examples: ['llama demo --seconds 30'],
  },
  completion: {
    about: [
      'The package has the same scripts in dist/share. To use one: source it at the start of the shell, or put it where the shell looks for completions.',
    ],
    exitCodes: [
      [0, 'fine'],
      [1, 'a shell that is not known'],
    ],
    examples: [
      'source <(llama completion bash)',
      'llama completion zsh > ~/.zfunc/_llama',
      'llama completion fish > ~/.config/fish/completions/llama.fish',
    ],
  },
} as const satisfies Readonly<Record<string, CommandNotes>>;

const TEXT_WIDTH = 118;

/** The text of `--help` after the options. */
export function helpEnd({ about, options, exitCodes, examples }: CommandNotes): string {
  const codes = exitCodes.map(([code, meaning]) => `${code} ${meaning}`).join(', ');
  return [
    ...(options === undefined ? [] : [optionsText(options)]),
    ...[...about, `Exit codes: ${codes}.`].map((text) => wrap(text, TEXT_WIDTH).join('\n')),
    ...(examples.length === 0 ? [] : [`Examples:\n${examples.map((line) => `  ${line}`).join('\n')}`]),
  ]
    .map((part) => `\n${part}`)
    .join('\n');
}
