import type { Band } from '../../charts/types';
import { bands as phaseBands } from '../../lib/bands';
import { RunPhase } from '../../lib/pb';
import type { Column, Part } from './series';
import type { PhaseName } from './run';

/** Columns as charts want them: one array for each line. */
export interface Lines {
  /** Seconds since the Unix epoch. */
  x: number[];
  perS: number[];
  failedPerS: number[];
  p50Us: (number | null)[];
  p95Us: (number | null)[];
  p99Us: (number | null)[];
  p999Us: (number | null)[];
}

/** One stretch of time; what a change of phase cut in two is one again. */
interface Stretch {
  timeUs: number;
  lengthUs: number;
  parts: Part[];
}

/**
 * The lines of one operation, by its place, or of all together. Stretches without any operation come as 0. Where the
 * phase changes within a stretch its counts are added and the higher percentile is shown: percentiles do not add up.
 */
export function lines(columns: readonly Column[], operation?: number): Lines {
  const made: Lines = { x: [], perS: [], failedPerS: [], p50Us: [], p95Us: [], p99Us: [], p999Us: [] };
  let endUs: number | undefined;
  for (const stretch of stretches(columns, operation)) {
    if (endUs !== undefined && stretch.timeUs - endUs >= stretch.lengthUs) {
      push(made, { timeUs: endUs, lengthUs: stretch.lengthUs, parts: [] });
      if (stretch.timeUs - stretch.lengthUs > endUs) {
        push(made, { timeUs: stretch.timeUs - stretch.lengthUs, lengthUs: stretch.lengthUs, parts: [] });
      }
    }
    push(made, stretch);
    endUs = stretch.timeUs + stretch.lengthUs;
  }
  return made;
}

function stretches(columns: readonly Column[], operation: number | undefined): Stretch[] {
  const found: Stretch[] = [];
  for (const column of columns) {
    const part = operation === undefined ? column.total : column.operations[operation];
    const last = found.at(-1);
    if (last && last.timeUs === column.timeUs) {
      last.lengthUs = Math.max(last.lengthUs, column.lengthUs);
      last.parts.push(...(part ? [part] : []));
    } else {
      found.push({ timeUs: column.timeUs, lengthUs: column.lengthUs, parts: part ? [part] : [] });
    }
  }
  return found;
}

function push(made: Lines, { timeUs, lengthUs, parts }: Stretch): void {
  const seconds = lengthUs / 1e6;
  const sum = (of: (part: Part) => number): number => parts.reduce((all, part) => all + of(part), 0);
  const worst = (of: (part: Part) => number): number | null => {
    const measured = parts.filter((part) => part.succeeded > 0).map(of);
    return measured.length > 0 ? Math.max(...measured) : null;
  };
  made.x.push(timeUs / 1e6);
  made.perS.push(sum((part) => part.succeeded) / seconds);
  made.failedPerS.push(sum((part) => part.failed) / seconds);
  made.p50Us.push(worst((part) => part.p50Us));
  made.p95Us.push(worst((part) => part.p95Us));
  made.p99Us.push(worst((part) => part.p99Us));
  made.p999Us.push(worst((part) => part.p999Us));
}

/** The phases behind the lines. */
export function bands(columns: readonly Column[]): Band[] {
  const found: { phase: PhaseName; from: number; to: number }[] = [];
  for (const { phase, timeUs, lengthUs } of columns) {
    const last = found.at(-1);
    if (last && last.phase === phase) {
      last.to = (timeUs + lengthUs) / 1e6;
    } else if (phase) {
      if (last) {
        last.to = Math.min(last.to, timeUs / 1e6);
      }
      found.push({ phase, from: timeUs / 1e6, to: (timeUs + lengthUs) / 1e6 });
    }
  }
  return phaseBands(found.map((one) => ({ ...one, phase: RunPhase[one.phase] })));
}

/** The newest second, all operations together. */
export interface Now {
  perS: number;
  errorRatio: number;
  p50Us: number | undefined;
  p95Us: number | undefined;
  p99Us: number | undefined;
  p999Us: number | undefined;
}

export function now(columns: readonly Column[]): Now | undefined {
  const newest = columns.at(-1);
  if (!newest) {
    return undefined;
  }
  // Where the phase changed, the second's other half belongs to it.
  const made = lines(columns.slice(-2));
  const at = made.x.length - 1;
  const perS = made.perS[at] ?? 0;
  const failed = made.failedPerS[at] ?? 0;
  return {
    perS,
    errorRatio: perS + failed > 0 ? failed / (perS + failed) : 0,
    p50Us: made.p50Us[at] ?? undefined,
    p95Us: made.p95Us[at] ?? undefined,
    p99Us: made.p99Us[at] ?? undefined,
    p999Us: made.p999Us[at] ?? undefined,
  };
}
