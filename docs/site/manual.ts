/** The search of the manual: an index that is fetched when the field is first used, and the sections that match. Runs in the browser. */

import MiniSearch from 'minisearch';
import { SEARCH_OPTIONS, type Section } from './search.js';

const MOST_RESULTS = 20;
/** The folder that the manual is served from, whatever prefix a proxy puts before it. */
const ROOT = new URL('.', import.meta.url);

type Found = Pick<Section, 'title' | 'page' | 'url'>;

const field = document.querySelector<HTMLInputElement>('#search');
const list = document.querySelector<HTMLElement>('#results');
let index: Promise<MiniSearch<Section>> | undefined;

function loadIndex(): Promise<MiniSearch<Section>> {
  index ??= fetch(new URL('search.json', ROOT)).then(async (response) => {
    if (!response.ok) throw new Error(`found HTTP status ${response.status} for search.json, expected 200`);
    return MiniSearch.loadJSON<Section>(await response.text(), SEARCH_OPTIONS);
  });
  return index;
}

async function search(text: string): Promise<readonly Found[]> {
  if (text === '') return [];
  const found = (await loadIndex()).search(text);
  return found.slice(0, MOST_RESULTS).map(({ title, page, url }) => ({ title, page, url }));
}

function show(results: readonly Found[], text: string, to: HTMLElement): void {
  const items = results.map(({ title, page, url }) => {
    const link = document.createElement('a');
    link.href = new URL(url, ROOT).href;
    link.textContent = title;
    const of = document.createElement('small');
    of.textContent = page === title ? '' : page;
    const item = document.createElement('li');
    item.append(link, ' ', of);
    return item;
  });
  if (items.length === 0 && text !== '') {
    const none = document.createElement('li');
    none.textContent = 'Nothing found.';
    items.push(none);
  }
  to.replaceChildren(...items);
  to.hidden = text === '';
}

function start(input: HTMLInputElement, results: HTMLElement): void {
  input.hidden = false;
  input.addEventListener('focus', () => void loadIndex());
  input.addEventListener('input', async () => {
    const text = input.value.trim();
    const found = await search(text);
    // A slower answer must not replace that of a later key.
    if (text === input.value.trim()) show(found, text, results);
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      input.value = '';
      show([], '', results);
    }
    if (event.key === 'Enter') results.querySelector('a')?.click();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    input.focus();
  });
}

if (field !== null && list !== null) start(field, list);
