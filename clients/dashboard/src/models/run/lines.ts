import type { Band } from '../../charts/types';
import { CLASSES, UNKNOWN_CLASS, type FailureClass } from './classes';
import { isTelling, LEAST_COVERED, partOf, type PhaseWindow } from './cover';
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
 * latency; one of which nothing is known has neither. How fast it went is said by the load alone: not by the drain, nor
 * by a stretch that its phase covers but a sliver of. What failed counts wherever it ended. Where the phase changes
 * within a stretch its counts are added; percentiles do not add up, and those of the phase with more operations are
 * shown.
 */
export function lines(columns: readonly Column[], operation?: number): Lines {
  const made: Lines = { x: [], perS: [], failedPerS: [], p50Us: [], p95Us: [], p99Us: [], p999Us: [] };
  for (const stretch of stretches(columns)) {
    const failed = sum(partsOf(stretch.columns, operation), (part) => part.failed);
    made.failedPerS.push(failedPerSecond(stretch, failed));
    push(made, stretch, partsOf(stretch.telling, operation));
  }
  return made;
}

function partsOf(columns: readonly Column[], operation?: number): Part[] {
  return columns.flatMap((one) => (operation === undefined ? one.total : (one.operations[operation] ?? [])));
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
    const parts = partsOf(stretch.columns);
    const known = CLASSES.map((_, at) => sum(parts, (part) => part.failures[at] ?? 0));
    const failed = sum(parts, (part) => part.failed);
    return [...known, Math.max(0, failed - sum(known, (one) => one))];
  });
  const found = [...CLASSES, UNKNOWN_CLASS].map((of, at) => ({
    of,
    perS: all.map((stretch, index) => failedPerSecond(stretch, counts[index]?.[at] ?? 0)),
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

/** Counts over the time that the load covers; `null` where nothing says how fast it went. */
function perSecond({ lengthUs, telling: those }: Stretch, count: number): number | null {
  const us = coveredOf(those, lengthUs);
  return us > 0 ? count / (us / 1e6) : null;
}

/** Counts over the time that load and drain cover, or over all of a stretch that they cover but a sliver of; `null` where nothing is known. */
function failedPerSecond({ lengthUs, columns }: Stretch, count: number): number | null {
  const us = coveredOf(columns, lengthUs);
  return columns.length > 0 ? count / ((us < LEAST_COVERED * lengthUs ? lengthUs : us) / 1e6) : null;
}

function coveredOf(columns: readonly Column[], lengthUs: number): number {
  return Math.min(lengthUs, sum(columns, (one) => one.coveredUs ?? one.lengthUs));
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

function push(made: Lines, stretch: Stretch, parts: readonly Part[]): void {
  const measured = parts.filter((part) => part.succeeded > 0);
  const most = measured.length > 0 ? measured.reduce((one, other) => (other.succeeded > one.succeeded ? other : one)) : undefined;
  made.x.push(stretch.timeUs / 1e6);
  made.perS.push(perSecond(stretch, sum(parts, (part) => part.succeeded)));
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

/** The newest second, all operations together. */
export interface Now {
  /** Of the second before where the newest one does not say yet how fast it goes; `undefined` in the drain, as the percentiles. */
  perS: number | undefined;
  inFlight: number;
  backlog: number;
  /** Of those that ended in it; `undefined` when none did. */
  errorRatio: number | undefined;
  p50Us: number | undefined;
  p95Us: number | undefined;
  p99Us: number | undefined;
  p999Us: number | undefined;
}

/** A second has at most a part of the warmup, one of the measurement and one of the drain. */
const MOST_PARTS = 3;

export function now(columns: readonly Column[]): Now | undefined {
  const newest = columns.at(-1);
  if (!newest) {
    return undefined;
  }
  const found = stretches(columns.slice(-2 * MOST_PARTS)).slice(-2);
  const parts = found.at(-1)?.columns ?? [];
  const ended = partsOf(parts);
  const failed = sum(ended, (part) => part.failed);
  const all = failed + sum(ended, (part) => part.succeeded);
  const isDrain = parts.some((one) => one.phase === 'COOLDOWN');
  const made = lines(found.slice(isDrain ? -1 : 0).flatMap((one) => one.columns));
  const at = made.perS.findLastIndex((one) => one !== null);
  return {
    perS: made.perS[at] ?? undefined,
    inFlight: newest.inFlight,
    backlog: newest.backlog,
    errorRatio: all > 0 ? failed / all : undefined,
    p50Us: made.p50Us[at] ?? undefined,
    p95Us: made.p95Us[at] ?? undefined,
    p99Us: made.p99Us[at] ?? undefined,
    p999Us: made.p999Us[at] ?? undefined,
  };
}
