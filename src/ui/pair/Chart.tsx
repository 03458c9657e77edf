/**
 * A chart over time. Charts of a page move their cursors together; a stretch that is dragged becomes the range of all.
 */

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Palette } from '../lib/palette.js';
import { go } from '../lib/store.js';

export interface Line {
  readonly label: string;
  readonly colour: string;
  readonly values: readonly (number | null)[];
  readonly width?: number;
  readonly fill?: string;
}

interface ChartProps {
  readonly label: string;
  /** Epoch seconds. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  readonly palette: Palette;
  /** Epoch seconds: the time range of the chart, with or without data. */
  readonly range: readonly [number, number];
  readonly height?: number;
}

const SYNC = 'pair';
/** Width of `00:00:00`. */
const TIME_PX = 72;

export function Chart({ label, times, lines, format, palette, range, height = 150 }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const shape = `${label} ${lines.map((line) => line.label + line.colour).join()} ${palette.text}`;
  const latest = useRef(range);
  latest.current = range;
  // Before anything is painted or printed with the colours before.
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const axis = { stroke: palette.muted, grid: { stroke: `${palette.muted}30`, width: 1 }, ticks: { show: false } };
    const made = new uPlot(
      {
        width: element.clientWidth || 300,
        height,
        padding: [null, TIME_PX / 2, null, null],
        scales: {
          x: { time: true, range: () => [...latest.current] as [number, number] },
          y: { range: (_u, _low, high) => [0, high > 0 ? high * 1.1 : 1] },
        },
        axes: [
          { ...axis, size: 26, space: TIME_PX, values: (_u, splits) => timeTexts(splits) },
          { ...axis, size: 62, values: (_u, splits) => splits.map(format) },
        ],
        legend: { live: true },
        cursor: { sync: { key: SYNC }, drag: { x: true, y: false, setScale: false } },
        series: [
          { value: '{HH}:{mm}:{ss}' },
          ...lines.map((line) => ({
            label: line.label,
            stroke: line.colour,
            width: line.width ?? 1.5,
            ...(line.fill === undefined ? {} : { fill: line.fill }),
            points: { size: 4 },
            spanGaps: false,
            value: (_u: uPlot, value: number | null) => (value === null ? '–' : format(value)),
          })),
        ],
        hooks: {
          setSelect: [
            (u) => {
              if (u.select.width < 8) return;
              const at = (px: number): string => String(Math.round(u.posToVal(px, 'x') * 1000));
              go({ from: at(u.select.left), to: at(u.select.left + u.select.width) });
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
        },
      },
      dataOf(times, lines),
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth || 300, height }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape, height]);
  useEffect(() => plot.current?.setData(dataOf(times, lines)), [times, lines, range[0], range[1]]);
  return (
    <figure class="chart">
      <figcaption>{label}</figcaption>
      <div ref={box} role="img" aria-label={`${label} over time`} />
    </figure>
  );
}

const DAY_S = 86_400;

/** As short as the stretch between two marks allows. */
function timeTexts(splits: readonly number[]): string[] {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0);
  return splits.map((s) => {
    const date = new Date(s * 1000);
    if (step >= DAY_S) return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
    return date.toLocaleTimeString('en-GB').slice(0, step < 60 ? 8 : 5);
  });
}

const dataOf = (times: readonly number[], lines: readonly Line[]): uPlot.AlignedData =>
  [times, ...lines.map(({ values }) => values)] as uPlot.AlignedData;
