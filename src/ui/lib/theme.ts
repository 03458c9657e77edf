/** Dark or light: as the system or the user chose. Paper is always white. */

import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { DARK, LIGHT, type Palette } from './palette.js';
import { useView } from './store.js';

const system = matchMedia('(prefers-color-scheme: dark)');
const paper = matchMedia('print');

function useMedia(media: MediaQueryList): boolean {
  const [matches, setMatches] = useState(media.matches);
  useEffect(() => {
    const listener = (): void => setMatches(media.matches);
    media.addEventListener('change', listener);
    return () => media.removeEventListener('change', listener);
  }, []);
  return matches;
}

function useIsDark(): boolean {
  const { theme } = useView();
  const systemDark = useMedia(system);
  const printing = useMedia(paper);
  return !printing && (theme === 'dark' || (theme === 'auto' && systemDark));
}

/** Sets the colours of the document; before anything is painted or printed with the old ones. */
export function useTheme(): void {
  const dark = useIsDark();
  useLayoutEffect(() => {
    const { dataset, style } = document.documentElement;
    dataset.theme = dark ? 'dark' : 'light';
    const palette = dark ? DARK : LIGHT;
    for (const [level, colour] of palette.levels.entries()) style.setProperty(`--level${level}`, colour);
    for (const [level, colour] of palette.ink.entries()) style.setProperty(`--ink${level}`, colour);
    style.setProperty('--stale', palette.stale);
    style.setProperty('--stale-line', palette.staleLine);
    style.setProperty('--gone', palette.gone);
    style.setProperty('--unmeasured', palette.unmeasured);
  }, [dark]);
}

export const usePalette = (): Palette => (useIsDark() ? DARK : LIGHT);
