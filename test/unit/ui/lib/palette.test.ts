import { expect } from 'chai';
import { DARK, LIGHT } from '../../../../src/ui/lib/palette.js';

/** WCAG 2.2, success criterion 1.4.3: text of normal size. */
const LEAST_CONTRAST = 4.5;

/** Relative luminance as WCAG defines it. */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

describe('the colours of the page', () => {
  for (const [name, palette] of Object.entries({ light: LIGHT, dark: DARK })) {
    it(`let the number in every cell be read: ${name}`, () => {
      for (const [level, colour] of palette.levels.entries())
        expect(contrast(colour, palette.ink[level]), `level ${level}`).to.be.at.least(LEAST_CONTRAST);
      for (const [ground, ink] of [
        [palette.stale, palette.muted],
        [palette.gone, palette.muted],
        [palette.ground, palette.muted],
        [palette.ground, palette.text],
      ])
        expect(contrast(ground, ink), `${ink} on ${ground}`).to.be.at.least(LEAST_CONTRAST);
    });

    it(`are of different lightness from level to level, so that hue alone tells nothing: ${name}`, () => {
      const lightness = palette.levels.map(luminance);
      for (let level = 1; level < lightness.length - 1; level++)
        expect(contrast(palette.levels[level], palette.levels[level + 1]), `level ${level}`).to.be.above(1.15);
    });
  }
});
