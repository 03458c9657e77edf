/**
 * The commands with their arguments and options. `--help`, the man pages, the completion and the reference page are
 * made from it.
 */

import { Command } from 'commander';
import { LlamaError } from '../base/errors.js';
import { VERSION } from '../base/version.js';
import { unknownWord } from '../config/files/problems.js';
import { commandModels } from './shared/commandModel.js';
import { COMMAND_NOTES, helpEnd, LLAMA_NOTES } from './shared/commandNotes.js';
import { overrideOption, scraperOverrideOption } from './shared/optionsHelp.js';
import { HangUps } from './shared/signals.js';

const collect = (value: string, all: readonly string[] = []): string[] => [...all, value];

/** The whole command line. `run` is given the work of the command that is called, and starts it. */
export function program(run: (work: () => Promise<number>) => Promise<void>): Command {
  const llama = new Command('llama')
    .description(
      'Loss & LAtency MAtrix: measures round-trip latency and packet loss per target, QoS class and ECMP path',
    )
    .version(VERSION)
    .showHelpAfterError('(--help behind the command says more)')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText('after', helpEnd(LLAMA_NOTES));
  llama
    .command('collector')
    .description('measure what a config says, and serve the API; SIGHUP reads the config again')
    .option('--config <file>', "YAML config, or one of Dropbox's LLAMA (required)")
    .option(...overrideOption('listen', '<addr:port>'))
    .option(...overrideOption('stateDir', '<dir>'))
    .addHelpText('after', helpEnd(COMMAND_NOTES.collector))
    .action((options) =>
      run(async () => {
        const hangUps = new HangUps();
        return (await import('./commands/collector.js')).runCollector(options, hangUps);
      }),
    );
  llama
    .command('reflector')
    .description('answer probes: STAMP, TWAMP-Light, and those of LLAMA in Go and in Python')
    .option('--listen <addr:port>', 'where to listen; repeat for more (default 0.0.0.0:8100 and [::]:8100)', collect)
    .option('--threads <n>', 'threads that share the port (default: the CPUs that affinity and quota allow, at most 4)')
    .option('--max-pps <n>', 'most replies a second, over all threads (default: no limit)')
    .option('--allow <cidr>', 'answer only this network; repeat for more (default: all)', collect)
    .option('--reply-interface <which>', 'interface of replies: routed (default), or incoming, that of the request')
    .option('--short-requests', 'answer requests of 14 to 40 bytes, of TWAMP-Light test tools; only with --allow')
    .option('--max-short-pps <n>', 'most of these a second for each network of --allow (default 100)')
    .option('--status <addr:port>', 'serve counters as JSON and for Prometheus (default: not served)')
    .option('--key-file <file>', 'HMAC keys, one a line: only authenticated STAMP is answered; SIGHUP reads it again')
    .option('--stateless', "copy the sender's number, instead of numbering the replies of each session")
    .option('--max-sessions <n>', 'most sessions that are numbered (default 65536)')
    .option('--session-timeout <duration>', 'forget a session after this silence (default 300s)')
    .addHelpText('after', helpEnd(COMMAND_NOTES.reflector))
    .action((options) =>
      run(async () => {
        const hangUps = new HangUps();
        return (await import('./commands/reflector.js')).runReflector(options, hangUps);
      }),
    );
  llama
    .command('scraper')
    .description('write the results of many collectors into databases; SIGHUP reads the list of collectors again')
    .option('--config <file>', 'YAML config')
    .option('--collector <url>', 'in place of a config: a collector; repeat for more', collect)
    .option('--influx-url <url>', 'with --collector: InfluxDB, http://127.0.0.1:8086')
    .option('--influx-database <name>', 'database of InfluxDB 1')
    .option('--influx-org <name>', 'organisation of InfluxDB 2 or 3')
    .option('--influx-bucket <name>', 'bucket of InfluxDB 2 or 3')
    .option('--influx-token-file <file>', 'file with the API token of InfluxDB 2 or 3')
    .option(...scraperOverrideOption('listen', '<addr:port>'))
    .option(...scraperOverrideOption('stateDir', '<dir>'))
    .addHelpText('after', helpEnd(COMMAND_NOTES.scraper))
    .action((options) =>
      run(async () => {
        const hangUps = new HangUps();
        return (await import('./commands/scraper.js')).runScraper(options, hangUps);
      }),
    );
  llama
    .command('probe')
    .description('measure one host once')
    .argument('<host[:port]>', 'name or address; an IPv6 address with a port stands in brackets')
    .option('--protocol <name>', 'stamp, llama, llama-legacy, tcp-syn or icmp; the last two need no reflector', 'stamp')
    .option('--key-file <file>', 'file of HMAC keys: STAMP in authenticated mode')
    .option('--count <n>', 'probes in all, dealt out over source ports and classes', '100')
    .option(
      '--period <duration>',
      'time between two probes (default 10ms; of tcp-syn the timeout over the source ports, which is also the least)',
    )
    .option('--timeout <duration>', 'how long a reply is awaited (default 1s, with llama-legacy 200ms)')
    .option('--source-ports <n>', 'source ports, so that all ECMP paths are used', '16')
    .option('--class <class>', 'QoS class by name or DSCP; repeat for more (default cs0)', collect)
    .option(
      '--sizes <list>',
      'payload sizes such as 64,1472,8972, unfragmented: which get through, and what MTU is named',
    )
    .option(
      '--json',
      'print one JSON object: {"results": [...], "undecided": 0, "lossPct": ...}, one result per class, as in the REST API',
    )
    .addHelpText('after', helpEnd(COMMAND_NOTES.probe))
    .action((host, options) => run(async () => (await import('./commands/probe.js')).runProbe(host, options)));
  llama
    .command('top')
    .description('show the matrix, worst pairs and worst paths of a collector or a scraper, live or once')
    .option('--url <url>', 'of the collector or scraper', 'http://127.0.0.1:5000')
    .option('--rows <tags>', 'what the rows are: tags, or collector, group, source, target, port, class', 'source')
    .option('--columns <tags>', 'the same for the columns; several nest, separated by commas', 'target')
    .option('--class <class>', 'only this QoS class (default: all)')
    .option('--metric <name>', 'loss, p50, p90, p99, p999, mean, max, min or jitter', 'loss')
    .option('--window <duration>', 'the matrix and the pairs are over this, back from the newest interval', '1m')
    .option('--token-file <file>', 'file with a token that may read')
    .option('--once', 'print one picture and end; so does an output that is no terminal')
    .option('--json', 'print the data of one picture as JSON and end')
    .addHelpText('after', helpEnd(COMMAND_NOTES.top))
    .action((options) => run(async () => (await import('./commands/top.js')).runTop(options)));
  llama
    .command('check')
    .description('validate a config, say what it means and where each value came from')
    .argument('<file>', "YAML config of a collector or a scraper, or one of Dropbox's LLAMA")
    .option('--print', "write it in this program's own form, which is how a LLAMA config moves over")
    .option(...overrideOption('listen', '<addr:port>'))
    .option(...overrideOption('stateDir', '<dir>'))
    .addHelpText('after', helpEnd(COMMAND_NOTES.check))
    .action((file, options) => run(async () => (await import('./commands/check.js')).check(file, options)));
  llama
    .command('demo')
    .description('reflectors and a collector on loopback, with a live table')
    .option('--seconds <n>', 'end after this long (default: at Ctrl-C)')
    .addHelpText('after', helpEnd(COMMAND_NOTES.demo))
    .action((options) => run(async () => (await import('./commands/demo.js')).runDemo(options)));
  llama
    .command('completion')
    .description('print the completion script of a shell')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', helpEnd(COMMAND_NOTES.completion))
    .action((shell) =>
      run(async () => (await import('./completion/completion.js')).runCompletion(shell, commandModels(llama))),
    );
  llama
    .command('help')
    .description('display help for command')
    .argument('[command]', 'the command; without it the list of all')
    .helpOption(false)
    .action((name?: string) => (name === undefined ? llama : commandOf(llama, name)).outputHelp());
  return llama;
}

/** The command of this name. Commander's own help prints the whole list for a name that it does not know. */
function commandOf(llama: Command, name: string): Command {
  const command = llama.commands.find((one) => one.name() === name);
  if (command !== undefined) return command;
  const names = llama.commands.map((one) => one.name());
  throw new LlamaError(
    'LLAMA_ARGUMENT_INVALID',
    `there is no such command: ${unknownWord(name, `one of ${names.join(', ')}`, names)}`,
  );
}
