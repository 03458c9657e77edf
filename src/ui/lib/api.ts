/** Requests of the page to its service. Every request goes to the page's own host. */

import { ask, type Sent } from './http.js';

const TOKEN_KEY = 'llama.token';

/** The token is kept for this tab only. */
export const token = (): string => sessionStorage.getItem(TOKEN_KEY) ?? '';
export function setToken(text: string): void {
  if (text === '') sessionStorage.removeItem(TOKEN_KEY);
  else sessionStorage.setItem(TOKEN_KEY, text);
}

const base = new URL('.', document.baseURI);

export type Query = Readonly<Record<string, string | undefined>>;

export function urlOf(path: string, query: Query = {}): string {
  const url = new URL(path.replace(/^\//, ''), base);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') url.searchParams.set(name, value);
  return url.href;
}

export function headers(): Record<string, string> {
  return token() === '' ? {} : { authorization: `Bearer ${token()}` };
}

export const request = <Body>(url: string, sent: Omit<Sent, 'headers'> = {}) =>
  ask<Body>(url, { ...sent, headers: headers() });

export async function get<Body>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Body> {
  return (await request<Body>(urlOf(path, query), signal === undefined ? {} : { signal })).body;
}
