import type uPlot from 'uplot';

import { token } from './palette';
import type { Band, Mark } from './types';

/** The height of a row of names above the plot, pixels. */
export const ROW = 14;

/** Draws phases behind the lines, and events as thin lines; their names are above the plot, where no line runs. */
export function bandsAndMarks(plot: uPlot, bands: readonly Band[], marks: readonly Mark[]): void {
  const { ctx, bbox } = plot;
  const { min, max } = plot.scales['x'] ?? {};
  if (min === undefined || max === undefined || min === null || max === null) {
    return;
  }
  const ratio = devicePixelRatio;
  const end = bbox.left + bbox.width;
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'alphabetic';
  // The names of marks are nearest to the plot.
  const markRow = bbox.top - 4 * ratio;
  const bandRow = marks.length > 0 ? markRow - ROW * ratio : markRow;
  for (const band of bands) {
    const left = plot.valToPos(Math.max(band.from, min), 'x', true);
    const right = plot.valToPos(Math.min(band.to, max), 'x', true);
    if (right <= left) {
      continue;
    }
    ctx.fillStyle = token(band.color);
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = token('--muted');
    if (ctx.measureText(band.name).width + 6 * ratio < right - left) {
      ctx.fillText(band.name, left, bandRow);
    }
  }
  ctx.strokeStyle = token('--line-strong');
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  ctx.fillStyle = token('--muted');
  let written = -Infinity;
  for (const mark of marks.filter((one) => one.at >= min && one.at <= max)) {
    const at = Math.round(plot.valToPos(mark.at, 'x', true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    const wide = ctx.measureText(mark.name).width;
    const from = Math.min(at, end - wide);
    // A name that would run into the one before is left out; its line stays.
    if (from > written) {
      ctx.fillText(mark.name, from, markRow);
      written = from + wide + 8 * ratio;
    }
  }
  ctx.restore();
}
