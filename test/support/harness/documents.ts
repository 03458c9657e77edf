/** The documents, for tests that hold them against the code. */

import { type Page, pagesBelow as pagesBelowRoot, readPage } from '../../../docs/tools/documents.js';
import { root } from '../../../docs/tools/root.js';

export const page = (path: string): Page => readPage(path, root);

export const pagesBelow = (folder: string): Page[] => pagesBelowRoot(folder, root);

/** README.md, and all pages of docs/. */
export const manual = (): Page[] => [page('README.md'), ...pagesBelow('docs')];

/** The texts of all code blocks of a language, also of those inside lists. */
export function codeBlocks({ text }: Page, language: string): string[] {
  const blocks = text.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'));
  return [...blocks].map(([, indent, block]) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
}
