import type { HistoryPoint, MetricsPoint, OperationHistory, OperationPoint } from '../../lib/pb';
import { byClass } from './classes';
import { phaseName, type PhaseName } from './run';

const SECOND_US = 1_000_000;
/** Up to this age every second is kept. */
const FINE_US = 900 * SECOND_US;
/** The newest seconds that are never made coarser. */
const TAIL_US = 300 * SECOND_US;
/** What is coarser ends at a multiple of this, so that all viewers of a run see the same. */
const BLOCK_US = 600 * SECOND_US;
/** The percentiles of a column. */
export const PERCENTILES = [50, 95, 99, 99.9];

/** One operation, or all together, in a stretch of time. Latencies in microseconds; 0 when nothing succeeded. */
export interface Part {
  succeeded: number;
  failed: number;
  /** Those that failed, by class as in `CLASSES`; empty when there are none, or their classes were not kept. */
  failures: readonly number[];
  p50Us: number;
  p95Us: number;
  p99Us: number;
  p999Us: number;
}

/** A stretch of a run: a second, or longer in what is long past. */
export interface Column {
  timeUs: number;
  lengthUs: number;
  /** How much of it its phase covers; all of it when left out. */
  coveredUs?: number | undefined;
  phase: PhaseName | undefined;
  total: Part;
  /** In the template's order. */
  operations: readonly Part[];
  /** At the end of a second; of a longer stretch the most. */
  inFlight: number;
  /** Due and not sent, likewise. */
  backlog: number;
}

/** How what is long past is kept. */
export interface Plan {
  /** Before it, coarse columns; from it on, seconds. */
  boundaryUs: number;
  resolutionUs: number;
}

/**
 * Which part of a run is kept coarse, from its first and its newest instant alone: who watched from the start and
 * who came late see the same. At most 1,200 columns in the first 50 hours; at most 3,000 in the two weeks that a
 * run may last.
 */
export function plan(firstUs: number, newestUs: number): Plan | undefined {
  const length = newestUs - firstUs;
  if (length < FINE_US) {
    return undefined;
  }
  const coarse = Math.floor((length - TAIL_US) / BLOCK_US) * BLOCK_US;
  return { boundaryUs: firstUs + coarse, resolutionUs: resolutionFor(coarse, 300) };
}

/** The finest of the server's resolutions that needs at most so many points; 10 minutes at the most. */
export function resolutionFor(lengthUs: number, points: number): number {
  const known = [1, 10, 60, 600].map((seconds) => seconds * SECOND_US);
  return known.find((one) => lengthUs / one <= points) ?? 600 * SECOND_US;
}

/** A run's measurements over time, from its first second to the newest. */
export class Series {
  /** Names of operations, in the template's order. */
  names: string[] = [];
  #past: Column[] = [];
  #seconds: Column[] = [];
  #boundaryUs = 0;
  #resolutionUs = SECOND_US;

  get columns(): readonly Column[] {
    return [...this.#past, ...this.#seconds];
  }

  get newest(): Column | undefined {
    return this.#seconds.at(-1) ?? this.#past.at(-1);
  }

  get firstUs(): number | undefined {
    return this.#past[0]?.timeUs ?? this.#seconds[0]?.timeUs;
  }

  /**
   * Where the stream goes on. A second has a point for each phase, so the newest second is asked for once more;
   * `take` knows what it has.
   */
  get resumeAfterUs(): bigint {
    const newest = this.#seconds.at(-1)?.timeUs ?? this.#boundaryUs;
    return BigInt(Math.max(0, newest - 1));
  }

  /** Takes a second of the stream; `false` when it is known already. */
  take(point: MetricsPoint): boolean {
    const timeUs = Number(point.timeUs);
    const phase = phaseName(point.phase);
    if (timeUs < Math.max(this.#boundaryUs, this.#seconds.at(-1)?.timeUs ?? 0)) {
      return false;
    }
    const parts = this.#seconds.slice(this.#seconds.findLastIndex((one) => one.timeUs < timeUs) + 1);
    if (parts.some((one) => one.phase === phase)) {
      return false;
    }
    this.#name(point.operations.map((one) => one.operation));
    this.#seconds.push({
      timeUs,
      lengthUs: SECOND_US,
      phase,
      total: part(point.total),
      operations: point.operations.map(part),
      inFlight: Number(point.inFlight),
      backlog: Number(point.backlog),
    });
    return true;
  }

  /** What should be asked for at a coarser resolution now; `undefined` when all is as it should be. */
  get wanted(): Plan | undefined {
    const { firstUs, newest } = this;
    if (firstUs === undefined || !newest) {
      return undefined;
    }
    const wanted = plan(firstUs, newest.timeUs + newest.lengthUs);
    const done = !wanted || (wanted.boundaryUs <= this.#boundaryUs && wanted.resolutionUs <= this.#resolutionUs);
    return done ? undefined : wanted;
  }

  /** Puts what the server measured before the boundary, from merged histograms, in the place of single seconds. */
  replacePast(points: readonly HistoryPoint[], { boundaryUs, resolutionUs }: Plan): void {
    // A phase's last stretch may lack operations: what is there is told by its name.
    this.#name(points.map(names).reduce((most, one) => (one.length > most.length ? one : most), []));
    this.#past = points.map((point) => column(point, this.names)).filter((one) => one.timeUs < boundaryUs);
    // The server's buckets begin with the load; the last may reach beyond the boundary.
    const end = Math.max(boundaryUs, ...this.#past.slice(-1).map((one) => one.timeUs + resolutionUs));
    this.#seconds = this.#seconds.filter((one) => one.timeUs >= end);
    this.#boundaryUs = end;
    this.#resolutionUs = resolutionUs;
  }

  #name(names: string[]): void {
    if (this.names.length === 0) {
      this.names = names;
    }
  }
}

function names(point: HistoryPoint): string[] {
  return point.operations.map((one) => one.operation);
}

/** Its operations are those of these names, in their order; its own without names. */
export function column(point: HistoryPoint, operations: readonly string[] = names(point)): Column {
  const found = new Map(point.operations.map((one) => [one.operation, one]));
  return {
    timeUs: Number(point.timeUs),
    lengthUs: Number(point.lengthUs),
    phase: phaseName(point.phase),
    total: pastPart(point.total),
    operations: operations.map((name) => pastPart(found.get(name))),
    inFlight: Number(point.inFlightMax),
    backlog: Number(point.backlogMax),
  };
}

function part(point: OperationPoint | undefined): Part {
  return {
    succeeded: Number(point?.succeeded ?? 0),
    failed: Number(point?.failed ?? 0),
    failures: byClass(point?.failures ?? []),
    p50Us: point?.response?.p50Us ?? 0,
    p95Us: point?.response?.p95Us ?? 0,
    p99Us: point?.response?.p99Us ?? 0,
    p999Us: point?.response?.p999Us ?? 0,
  };
}

/** Of a history that was asked for with `PERCENTILES`. */
function pastPart(point: OperationHistory | undefined): Part {
  const [p50Us = 0, p95Us = 0, p99Us = 0, p999Us = 0] = point?.response?.percentilesUs ?? [];
  return {
    succeeded: Number(point?.succeeded ?? 0),
    failed: Number(point?.failed ?? 0),
    failures: byClass(point?.failures ?? []),
    p50Us,
    p95Us,
    p99Us,
    p999Us,
  };
}
