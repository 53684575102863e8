import type uPlot from 'uplot';

import { token } from './palette';
import type { Band, Mark } from './types';

/** Draws phases behind the lines, and events as thin lines with their word. */
export function bandsAndMarks(plot: uPlot, bands: readonly Band[], marks: readonly Mark[]): void {
  const { ctx, bbox } = plot;
  const { min, max } = plot.scales['x'] ?? {};
  if (min === undefined || max === undefined || min === null || max === null) {
    return;
  }
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const ratio = devicePixelRatio;
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'alphabetic';
  for (const band of bands) {
    const left = plot.valToPos(Math.max(band.from, min), 'x', true);
    const right = plot.valToPos(Math.min(band.to, max), 'x', true);
    if (right <= left) {
      continue;
    }
    ctx.fillStyle = token(band.color);
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = token('--muted');
    if (ctx.measureText(band.name).width + 8 * ratio < right - left) {
      ctx.fillText(band.name, left + 4 * ratio, bbox.top + 12 * ratio);
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
    // A word that would run into the one before is left out; its line stays.
    if (at > written) {
      ctx.fillText(mark.name, at + 3 * ratio, bbox.top + bbox.height - 4 * ratio);
      written = at + ctx.measureText(mark.name).width + 8 * ratio;
    }
  }
  ctx.restore();
}
