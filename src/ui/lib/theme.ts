/** Dark or light: as the system has it, or as the user chose. */

import { useEffect, useState } from 'preact/hooks';
import { DARK, LIGHT, type Palette } from './palette.js';
import { useView } from './store.js';

const system = matchMedia('(prefers-color-scheme: dark)');

export function useDark(): boolean {
  const { theme } = useView();
  const [systemDark, setSystemDark] = useState(system.matches);
  useEffect(() => {
    const listener = (): void => setSystemDark(system.matches);
    system.addEventListener('change', listener);
    return () => system.removeEventListener('change', listener);
  }, []);
  const dark = theme === 'dark' || (theme === 'auto' && systemDark);
  useEffect(() => {
    const { dataset, style } = document.documentElement;
    dataset.theme = dark ? 'dark' : 'light';
    const palette = dark ? DARK : LIGHT;
    for (const [level, colour] of palette.levels.entries()) style.setProperty(`--level${level}`, colour);
    for (const [level, colour] of palette.ink.entries()) style.setProperty(`--ink${level}`, colour);
    style.setProperty('--stale', palette.stale);
    style.setProperty('--stale-line', palette.staleLine);
    style.setProperty('--gone', palette.gone);
  }, [dark]);
  return dark;
}

/** Paper is white whatever the screen is. */
export function usePalette(): Palette {
  const dark = useDark();
  const [printing, setPrinting] = useState(false);
  useEffect(() => {
    const media = matchMedia('print');
    const listener = (): void => setPrinting(media.matches);
    media.addEventListener('change', listener);
    return () => media.removeEventListener('change', listener);
  }, []);
  return dark && !printing ? DARK : LIGHT;
}
