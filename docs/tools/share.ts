/** Writes `dist/share`: man pages and completion, laid out as /usr/share has them. A part of `npm run build`. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { completionScript } from '../../src/cli/completion/completion.js';
import { program } from '../../src/cli/program.js';
import { commandModels } from '../../src/cli/shared/commandModel.js';
import { manPages } from './man.js';
import { root } from './root.js';

const share = new URL('dist/share/', root);
const commands = commandModels(program(async () => {}));
const files = new Map([
  ...[...manPages(commands)].map(([name, text]) => [`man/man1/${name}`, text] as const),
  ['bash-completion/completions/llama', completionScript('bash', commands)],
  ['zsh/site-functions/_llama', completionScript('zsh', commands)],
  ['fish/vendor_completions.d/llama.fish', completionScript('fish', commands)],
]);
for (const [path, text] of files) {
  const file = new URL(path, share);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, text);
}
