import type { GetMetricsResponse, HistoryPoint, Latency } from '../../lib/pb';
import { coveredUs, isTelling, type PhaseWindow } from './cover';
import { phaseName, type PhaseName } from './run';
import { resolutionFor } from './series';

/** The percentiles whose differences are the heat map's shares; the server gives 16 at a time. */
export const SPECTRUM = [5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 99.5, 99.9, 99.99, 100];
/** The most columns of the heat map, about: a coarser resolution is taken beyond. */
const MOST = 180;
/** Rows of the heat map for a factor of ten. */
const ROWS_PER_DECADE = 6;
/** More rows could not be told apart. */
const MOST_ROWS = 36;

export const NO_HEAT: HeatMap = { x: [], step: 1, edges: [], cells: [] };

/** A stretch of time with the whole distribution of its latencies. */
interface Slice {
  timeUs: number;
  lengthUs: number;
  phase: PhaseName | undefined;
  /** Ascending latencies in microseconds with the share of operations at or below each. */
  curve: readonly (readonly [us: number, share: number])[];
  succeeded: number;
  dropped: number;
  /** From due to sent, the 99th percentile. */
  lagUs: number;
  lagMaxUs: number;
}

/** How late operations were sent, over time. */
export interface Lag {
  /** Seconds since the Unix epoch. */
  x: number[];
  p99Us: (number | null)[];
  maxUs: (number | null)[];
  /** Due and never sent. */
  droppedPerS: number[];
}

/** What a heat map draws. */
export interface HeatMap {
  /** Seconds since the Unix epoch. */
  x: number[];
  /** The width of a column, seconds. */
  step: number;
  /** Where rows begin, microseconds, and where the last one ends. */
  edges: number[];
  /** By column and row: the share of the column's operations, 1 where it is the greatest of all. */
  cells: number[][];
}

/** The latencies of a run over time as distributions, asked for piece by piece. At most about `MOST` slices. */
export class Spectrum {
  #slices: Slice[] = [];
  #resolutionUs = 0;

  /** What to ask for next, of a run whose load began and has come to these instants: the newest slice was not whole yet. */
  next(firstUs: number, newestUs: number): { fromUs: number; resolutionUs: number } {
    const resolutionUs = resolutionFor(newestUs - firstUs, MOST);
    if (resolutionUs !== this.#resolutionUs) {
      return { fromUs: 0, resolutionUs };
    }
    return { fromUs: this.#slices.at(-1)?.timeUs ?? 0, resolutionUs };
  }

  /** Takes the answer to `next`. */
  take(answer: GetMetricsResponse, asked: { fromUs: number }): void {
    const fresh = answer.points.map((point) => slice(point, answer.percentiles));
    this.#resolutionUs = Number(answer.resolutionUs);
    this.#slices = asked.fromUs === 0 ? fresh : [...this.#slices.filter((one) => one.timeUs < asked.fromUs), ...fresh];
  }

  /** From due to sent, and what was never sent, over time; no lag of slices that do not tell how their phase was. */
  lag(windows: readonly PhaseWindow[] = []): Lag {
    const made: Lag = { x: [], p99Us: [], maxUs: [], droppedPerS: [] };
    const telling = new Set(this.#telling(windows));
    for (const parts of stretches(this.#slices)) {
      const measured = parts.filter((one) => one.succeeded > 0 && telling.has(one));
      const [{ timeUs, lengthUs } = { timeUs: 0, lengthUs: 1e6 }] = parts;
      const before = made.x.at(-1);
      if (before !== undefined && timeUs / 1e6 - before > 1.5 * (lengthUs / 1e6)) {
        // Without operations there is no lag, and no line.
        made.x.push(before + lengthUs / 1e6);
        made.p99Us.push(null);
        made.maxUs.push(null);
        made.droppedPerS.push(0);
      }
      made.x.push(timeUs / 1e6);
      // As of other percentiles, that of the phase with more operations.
      made.p99Us.push(measured.toSorted((one, other) => other.succeeded - one.succeeded)[0]?.lagUs ?? null);
      made.maxUs.push(measured.length > 0 ? Math.max(...measured.map((one) => one.lagMaxUs)) : null);
      made.droppedPerS.push(sum(parts, (one) => one.dropped) / (lengthUs / 1e6));
    }
    return made;
  }

  heatMap(windows: readonly PhaseWindow[] = []): HeatMap {
    const slices = this.#telling(windows);
    const filled = slices.filter((one) => one.curve.length > 0);
    const lowest = Math.min(...filled.map((one) => one.curve[0]?.[0] ?? Infinity));
    const highest = Math.max(...filled.map((one) => one.curve.at(-1)?.[0] ?? 0));
    if (filled.length === 0 || highest <= 0) {
      return NO_HEAT;
    }
    const edges = rowEdges(Math.max(1, lowest), highest);
    const x: number[] = [];
    const cells: number[][] = [];
    for (const parts of stretches(slices)) {
      const at = (parts[0]?.timeUs ?? 0) / 1e6;
      const length = (parts[0]?.lengthUs ?? 1e6) / 1e6;
      // A stretch without an operation is an empty column, so that time runs evenly.
      const before = x.at(-1) ?? at - length;
      const missing = Math.min(MOST, Math.round((at - before) / length) - 1);
      for (let gap = 1; gap <= missing; gap += 1) {
        x.push(before + gap * length);
        cells.push(edges.slice(1).map(() => 0));
      }
      x.push(at);
      cells.push(mixed(parts, edges));
    }
    // The fullest cell has the full colour, however wide the latencies spread.
    const most = cells.reduce((found, column) => Math.max(found, ...column), 0);
    const scaled = cells.map((column) => column.map((share) => share / most));
    return { x, step: this.#resolutionUs / 1e6, edges, cells: scaled };
  }

  #telling(windows: readonly PhaseWindow[]): Slice[] {
    return this.#slices.filter((one) => isTelling({ ...one, coveredUs: coveredUs(one, windows) }));
  }
}

function slice(point: HistoryPoint, percentiles: readonly number[]): Slice {
  const { total } = point;
  return {
    timeUs: Number(point.timeUs),
    lengthUs: Number(point.lengthUs),
    phase: phaseName(point.phase),
    curve: curve(total?.response, percentiles),
    succeeded: Number(total?.succeeded ?? 0),
    dropped: Number(total?.dropped ?? 0),
    lagUs: total?.lag?.percentilesUs[percentiles.indexOf(99)] ?? 0,
    lagMaxUs: total?.lag?.maxUs ?? 0,
  };
}

/** Slices of the same stretch together: where the phase changes, there is one for each. */
function stretches(slices: readonly Slice[]): Slice[][] {
  const found: Slice[][] = [];
  for (const one of slices) {
    const last = found.at(-1);
    if (last && last[0]?.timeUs === one.timeUs) {
      last.push(one);
    } else {
      found.push([one]);
    }
  }
  return found;
}

/** The shares of slices together, each by how many operations it has. */
function mixed(parts: readonly Slice[], edges: readonly number[]): number[] {
  const all = sum(parts, (one) => one.succeeded);
  const each = parts.map((one) => shares(one.curve, edges).map((share) => (all > 0 ? (share * one.succeeded) / all : 0)));
  return edges.slice(1).map((_, row) => sum(each, (one) => one[row] ?? 0));
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

function curve(response: Latency | undefined, percentiles: readonly number[]): (readonly [number, number])[] {
  if (!response || response.maxUs === 0) {
    return [];
  }
  const measured = percentiles.map((percentile, index) => [response.percentilesUs[index] ?? response.maxUs, percentile / 100] as const);
  return [[response.minUs, 0], ...measured];
}

/** Latencies from below the lowest to above the highest, evenly on a logarithmic scale. */
export function rowEdges(lowestUs: number, highestUs: number): number[] {
  const from = Math.floor(Math.log10(lowestUs) * ROWS_PER_DECADE);
  const to = Math.max(from + 1, Math.floor(Math.log10(highestUs) * ROWS_PER_DECADE) + 1);
  const step = Math.ceil((to - from) / MOST_ROWS);
  const edges: number[] = [];
  for (let at = from; at < to + step; at += step) {
    edges.push(10 ** (at / ROWS_PER_DECADE));
  }
  return edges;
}

/** The share of operations between each two edges, the lower one included. */
export function shares(points: readonly (readonly [number, number])[], edges: readonly number[]): number[] {
  const below = edges.map((edge) => shareBelow(points, edge));
  return below.slice(1).map((share, index) => Math.max(0, share - (below[index] ?? 0)));
}

/** The share below a latency: evenly spread between two known percentiles. */
function shareBelow(points: readonly (readonly [number, number])[], us: number): number {
  const after = points.findIndex(([at]) => at >= us);
  if (after < 0) {
    return points.length > 0 ? 1 : 0;
  }
  const before = points[after - 1];
  const next = points[after];
  if (!before || !next) {
    return 0;
  }
  return before[1] + ((next[1] - before[1]) * (us - before[0])) / (next[0] - before[0]);
}
