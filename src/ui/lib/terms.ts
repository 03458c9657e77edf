/** Parses a filter: words that must occur in a label, and `name=value` for a tag. Pure. */

export interface Term {
  /** Undefined: any part of the key. */
  readonly name: string | undefined;
  readonly text: string;
}

/** Words stand between spaces; one with spaces in it stands in double quotes. */
export function parseTerms(text: string): Term[] {
  return [...text.matchAll(/(?:([^\s"=]+)=)?(?:"([^"]*)"|([^\s"]+))/g)].map(([, name, quoted, plain]) => ({
    name,
    text: quoted ?? plain ?? '',
  }));
}

function writeTerm(name: string, value: string): string {
  return /[\s"=]/.test(value) || value === '' ? `${name}="${value.replaceAll('"', '')}"` : `${name}=${value}`;
}

/** `text` with this term instead of any other of the same name. */
export function withTerm(text: string, name: string, value: string): string {
  const others = parseTerms(text).filter((term) => term.name !== name);
  return [
    ...others.map((term) => (term.name === undefined ? term.text : writeTerm(term.name, term.text))),
    writeTerm(name, value),
  ].join(' ');
}

/** Names in the terms in addition to the names of the axis. */
export function extraNames(terms: readonly Term[], names: readonly string[]): string[] {
  const asked = terms.flatMap(({ name }) => (name === undefined || names.includes(name) ? [] : [name]));
  return [...new Set(asked)];
}

export function matches(terms: readonly Term[], names: readonly string[], key: readonly string[]): boolean {
  return terms.every(({ name, text }) => {
    if (name === undefined) return key.some((part) => part.toLowerCase().includes(text.toLowerCase()));
    return key[names.indexOf(name)] === text;
  });
}
