import type { Band } from '../../charts/types';
import { CLASSES, UNKNOWN_CLASS, type FailureClass } from './classes';
import type { PhaseName } from './run';
import type { Column, Part } from './series';

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
  columns: Column[];
}

/**
 * The lines of one operation, by its place, or of all together. Stretches without any operation come as 0. Where the
 * phase changes within a stretch its counts are added; percentiles do not add up, and those of the phase with more
 * operations are shown: of the other there may be but a straggler.
 */
export function lines(columns: readonly Column[], operation?: number): Lines {
  const made: Lines = { x: [], perS: [], failedPerS: [], p50Us: [], p95Us: [], p99Us: [], p999Us: [] };
  for (const stretch of stretches(columns)) {
    push(made, stretch, partsOf(stretch, operation));
  }
  return made;
}

function partsOf({ columns }: Stretch, operation: number | undefined): Part[] {
  return columns.flatMap((one) => (operation === undefined ? one.total : (one.operations[operation] ?? [])));
}

/** Failures per second of each class that there is. */
export interface FailureLines {
  x: number[];
  classes: { of: FailureClass; perS: number[] }[];
}

/** In the order of `CLASSES`; at the end those whose class was not kept. */
export function failureLines(columns: readonly Column[]): FailureLines {
  const all = stretches(columns);
  const counts = all.map((stretch) => {
    const parts = partsOf(stretch, undefined);
    const known = CLASSES.map((_, at) => sum(parts, (part) => part.failures[at] ?? 0));
    const failed = sum(parts, (part) => part.failed);
    return [...known, Math.max(0, failed - sum(known, (one) => one))];
  });
  const found = [...CLASSES, UNKNOWN_CLASS].map((of, at) => ({
    of,
    perS: all.map(({ lengthUs }, index) => (counts[index]?.[at] ?? 0) / (lengthUs / 1e6)),
  }));
  return { x: all.map(({ timeUs }) => timeUs / 1e6), classes: found.filter(({ perS }) => perS.some((one) => one > 0)) };
}

/** What the run holds; `null` where nothing was measured. */
export interface Held {
  x: number[];
  inFlight: (number | null)[];
  backlog: (number | null)[];
}

export function held(columns: readonly Column[]): Held {
  const all = stretches(columns);
  const most = (of: (column: Column) => number) => all.map((one) => (one.columns.length > 0 ? Math.max(...one.columns.map(of)) : null));
  return { x: all.map(({ timeUs }) => timeUs / 1e6), inFlight: most((one) => one.inFlight), backlog: most((one) => one.backlog) };
}

/** Columns of the same time together; the first and the last stretch of a gap between columns have none. */
function stretches(columns: readonly Column[]): Stretch[] {
  const found: Stretch[] = [];
  for (const column of columns) {
    const { timeUs, lengthUs } = column;
    const last = found.at(-1);
    if (last?.timeUs === timeUs) {
      last.lengthUs = Math.max(last.lengthUs, lengthUs);
      last.columns.push(column);
      continue;
    }
    const endUs = last ? last.timeUs + last.lengthUs : timeUs;
    if (timeUs - endUs >= lengthUs) {
      found.push({ timeUs: endUs, lengthUs, columns: [] });
      if (timeUs - lengthUs > endUs) {
        found.push({ timeUs: timeUs - lengthUs, lengthUs, columns: [] });
      }
    }
    found.push({ timeUs, lengthUs, columns: [column] });
  }
  return found;
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

function push(made: Lines, { timeUs, lengthUs }: Stretch, parts: readonly Part[]): void {
  const seconds = lengthUs / 1e6;
  const measured = parts.filter((part) => part.succeeded > 0);
  const most = measured.length > 0 ? measured.reduce((one, other) => (other.succeeded > one.succeeded ? other : one)) : undefined;
  made.x.push(timeUs / 1e6);
  made.perS.push(sum(parts, (part) => part.succeeded) / seconds);
  made.failedPerS.push(sum(parts, (part) => part.failed) / seconds);
  made.p50Us.push(most?.p50Us ?? null);
  made.p95Us.push(most?.p95Us ?? null);
  made.p99Us.push(most?.p99Us ?? null);
  made.p999Us.push(most?.p999Us ?? null);
}

const COLORS: Partial<Record<PhaseName, string>> = {
  WARMUP: '--phase-warmup',
  MEASUREMENT: '--phase-measurement',
};

/** The phases behind the lines. */
export function bands(columns: readonly Column[]): Band[] {
  const found: Band[] = [];
  for (const { phase, timeUs, lengthUs } of columns) {
    const [from, to] = [timeUs / 1e6, (timeUs + lengthUs) / 1e6];
    const last = found.at(-1);
    const name = phase?.toLowerCase();
    if (last && last.name === name) {
      last.to = to;
    } else if (phase && name) {
      if (last) {
        last.to = Math.min(last.to, from);
      }
      found.push({ name, from, to, color: COLORS[phase] ?? '--phase-cooldown' });
    }
  }
  return found;
}

/** The newest second, all operations together. */
export interface Now {
  perS: number;
  inFlight: number;
  backlog: number;
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
    inFlight: newest.inFlight,
    backlog: newest.backlog,
    errorRatio: perS + failed > 0 ? failed / (perS + failed) : 0,
    p50Us: made.p50Us[at] ?? undefined,
    p95Us: made.p95Us[at] ?? undefined,
    p99Us: made.p99Us[at] ?? undefined,
    p999Us: made.p999Us[at] ?? undefined,
  };
}
