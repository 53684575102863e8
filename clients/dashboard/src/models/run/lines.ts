import type { Band } from '../../charts/types';
import { CLASSES, UNKNOWN_CLASS, type FailureClass } from './classes';
import { isTelling, partOf, type PhaseWindow } from './cover';
import type { PhaseName } from './run';
import type { Column, Part } from './series';

/** Columns as charts want them: one array for each line. */
export interface Lines {
  /** Seconds since the Unix epoch. */
  x: number[];
  perS: (number | null)[];
  failedPerS: (number | null)[];
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
  /** Those that say how fast it went. */
  telling: Column[];
}

/**
 * The lines of one operation, by its place, or of all together. A stretch in which nothing ended is 0 and has no
 * latency; one of which nothing is known has neither, and no more has one of which its phase covers but a sliver: what
 * ended late there says nothing of how fast it went. Where the phase changes within a stretch its counts are added;
 * percentiles do not add up, and those of the phase with more operations are shown.
 */
export function lines(columns: readonly Column[], operation?: number): Lines {
  const made: Lines = { x: [], perS: [], failedPerS: [], p50Us: [], p95Us: [], p99Us: [], p999Us: [] };
  for (const stretch of stretches(columns)) {
    push(made, stretch, partsOf(stretch, operation));
  }
  return made;
}

function partsOf({ telling }: Stretch, operation: number | undefined): Part[] {
  return telling.flatMap((one) => (operation === undefined ? one.total : (one.operations[operation] ?? [])));
}

/** Failures per second of each class that there is. */
export interface FailureLines {
  x: number[];
  classes: { of: FailureClass; perS: (number | null)[] }[];
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
    perS: all.map((stretch, index) => perSecond(stretch, counts[index]?.[at] ?? 0)),
  }));
  return { x: all.map(({ timeUs }) => timeUs / 1e6), classes: found.filter(({ perS }) => perS.some((one) => one !== null && one > 0)) };
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
      last.telling.push(...telling(column));
      continue;
    }
    const endUs = last ? last.timeUs + last.lengthUs : timeUs;
    if (timeUs - endUs >= lengthUs) {
      found.push({ timeUs: endUs, lengthUs, columns: [], telling: [] });
      if (timeUs - lengthUs > endUs) {
        found.push({ timeUs: timeUs - lengthUs, lengthUs, columns: [], telling: [] });
      }
    }
    found.push({ timeUs, lengthUs, columns: [column], telling: telling(column) });
  }
  return found;
}

function telling(column: Column): Column[] {
  return isTelling(column) ? [column] : [];
}

/** Counts over the time that the phases cover; `null` where nothing says how fast it went. */
function perSecond({ lengthUs, telling: those }: Stretch, count: number): number | null {
  const us = Math.min(lengthUs, sum(those, (one) => one.coveredUs ?? one.lengthUs));
  return us > 0 ? count / (us / 1e6) : null;
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

function push(made: Lines, stretch: Stretch, parts: readonly Part[]): void {
  const measured = parts.filter((part) => part.succeeded > 0);
  const most = measured.length > 0 ? measured.reduce((one, other) => (other.succeeded > one.succeeded ? other : one)) : undefined;
  made.x.push(stretch.timeUs / 1e6);
  made.perS.push(perSecond(stretch, sum(parts, (part) => part.succeeded)));
  made.failedPerS.push(perSecond(stretch, sum(parts, (part) => part.failed)));
  made.p50Us.push(most?.p50Us ?? null);
  made.p95Us.push(most?.p95Us ?? null);
  made.p99Us.push(most?.p99Us ?? null);
  made.p999Us.push(most?.p999Us ?? null);
}

const COLORS: Partial<Record<PhaseName, string>> = {
  WARMUP: '--phase-warmup',
  MEASUREMENT: '--phase-measurement',
};

/** The phases behind the lines, where something was measured. */
export function bands(columns: readonly Column[], windows: readonly PhaseWindow[] = []): Band[] {
  const found: Band[] = [];
  for (const column of columns) {
    const { phase } = column;
    const { fromUs, toUs } = partOf(column, windows);
    const [from, to] = [fromUs / 1e6, toUs / 1e6];
    const last = found.at(-1);
    const name = phase?.toLowerCase();
    if (to <= from) {
      continue;
    }
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

/** The newest second that says how fast it went, all operations together. */
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
  // Where the phase changed, the second's other half belongs to it; of what ended late there may be one more.
  const made = lines(columns.slice(-4));
  const at = made.perS.findLastIndex((one) => one !== null);
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
