import type uPlot from 'uplot';

import { ROW } from './overlay';
import { token } from './palette';
import { decades, tickTexts } from './ticks';
import type { Band, Mark } from './types';

/** The least width of the values beside the plot, pixels: charts below each other begin at the same place. */
const LEFT = 64;
/** Room beside the plot, pixels. */
const RIGHT = 26;
/** The width of a digit, about. */
const DIGIT = 7;

export interface Axes {
  /** Writes a value of y with its unit. */
  y: (value: number | undefined) => string;
  /** Writes a value of x; clock time when left out. */
  xText?: ((value: number) => string) | undefined;
  /** Where x has its marks; by itself when left out. */
  ticks?: (() => readonly number[]) | undefined;
  /** y is logarithmic. */
  log?: boolean | undefined;
  /** Values of y are counts: there is nothing between 1 and 2. */
  whole?: boolean | undefined;
  /** Values of x are. */
  wholeX?: boolean | undefined;
}

const COUNTS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap((one) => [one, 2 * one, 5 * one]);

/** The axes of a chart, in the colours of the theme. */
export function axes({ y, xText, ticks, log, whole, wholeX }: Axes): uPlot.Axis[] {
  const common = { stroke: token('--muted'), grid: { stroke: token('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
  return [
    {
      ...common,
      size: 30,
      gap: 8,
      space: 80,
      ...(ticks ? { splits: () => [...ticks()] } : {}),
      ...(wholeX ? { incrs: COUNTS } : {}),
      values: (plot, splits, _axis, _space, step) => {
        const texts = xText ? tickTexts(splits, xText) : splits.map((value) => clockTime(value, step));
        return ticks ? apart(plot, splits, texts) : texts;
      },
    },
    {
      ...common,
      size: (_plot, values) => Math.max(LEFT, ...(values ?? []).map((text) => text.length * DIGIT + 8)),
      ...(log ? { splits: (_plot, _axis, min, max) => decades(min, max), filter: (_plot, splits) => splits } : {}),
      ...(whole ? { incrs: COUNTS } : {}),
      values: (_plot, splits) => tickTexts(splits, y),
    },
  ];
}

/** Leaves out what would run into the text before it. */
function apart(plot: uPlot, splits: readonly number[], texts: readonly string[]): string[] {
  let end = -Infinity;
  return texts.map((text, index) => {
    const middle = plot.valToPos(splits[index] ?? 0, 'x');
    const half = (text.length * DIGIT) / 2;
    if (middle - half < end) {
      return '';
    }
    end = middle + half;
    return text;
  });
}

/** Room above the plot for the names of bands and marks, which come and go. */
export function padding(bands: () => readonly Band[], marks: () => readonly Mark[]): uPlot.Padding {
  const rows = (): number => (bands().length > 0 ? 1 : 0) + (marks().length > 0 ? 1 : 0);
  // To the right there is room for half a time of day.
  return [() => 8 + ROW * rows(), RIGHT, 0, 0];
}

/** The time of day, with seconds where the ticks are closer than a minute. */
export function clockTime(seconds: number, step: number): string {
  const text = new Date(seconds * 1_000).toTimeString();
  return text.slice(0, step < 60 ? 8 : 5);
}
