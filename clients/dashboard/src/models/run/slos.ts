import { latency, percent, rate } from '../../lib/format';
import { OperationKind, StatementClass, Verdict, type Slo, type SloReport, type TemplateSpec } from '../../lib/pb';
import { durationUs } from './run';
import type { PhaseTotal, Total } from './totals';

/** From this share of the limit on, an objective is near it. */
const NEAR = 0.9;

/** What a template wants of a run. */
export interface Objective {
  name: string;
  /** What it is about: all operations, one, a class, a label. */
  about: string;
  /** The operations that it limits; empty for all. */
  operations: readonly string[];
  limit: Limit;
  aborts: boolean;
}

export type Limit =
  | { kind: 'latency'; percentile: number; us: number }
  | { kind: 'errors'; ratio: number }
  | { kind: 'throughput'; perS: number };

/** How an objective stands: so far, or by the verdict of the report. */
export interface Standing {
  name: string;
  about: string;
  limit: string;
  measured: string;
  state: 'met' | 'near' | 'not met' | 'inconclusive' | 'no data';
  /** What was measured as a share of the limit; above 1 is not met. */
  share: number | undefined;
  aborts: boolean;
}

export function objectives(spec: TemplateSpec | undefined): Objective[] {
  return spec?.slos.flatMap((slo) => objective(slo, spec) ?? []) ?? [];
}

function objective(slo: Slo, spec: TemplateSpec): Objective | undefined {
  const limit = limitOf(slo);
  if (!limit) {
    return undefined;
  }
  const { about, operations } = scope(slo, spec);
  return { name: slo.name || limitText(limit), about, operations, limit, aborts: slo.abortOnFail };
}

function limitOf(slo: Slo): Limit | undefined {
  switch (slo.limit.case) {
    case 'latency':
      return { kind: 'latency', percentile: slo.limit.value.percentile, us: durationUs(slo.limit.value.max) };
    case 'maxErrorRatio':
      return { kind: 'errors', ratio: slo.limit.value };
    case 'minThroughputPerS':
      return { kind: 'throughput', perS: slo.limit.value };
    default:
      return undefined;
  }
}

function scope(slo: Slo, spec: TemplateSpec): { about: string; operations: string[] } {
  const named = (wanted: (operation: TemplateSpec['operations'][number]) => boolean): string[] =>
    spec.operations.filter(wanted).map((one) => one.name);
  if (slo.operation) {
    return { about: slo.operation, operations: [slo.operation] };
  }
  if (slo.label) {
    return { about: `label ${slo.label}`, operations: named((one) => one.label === slo.label) };
  }
  if (slo.class !== StatementClass.UNSPECIFIED) {
    const about = slo.class === StatementClass.READ ? 'operations that read' : 'operations that write';
    return { about, operations: named((one) => classOf(one.kind, one.class) === slo.class) };
  }
  return { about: 'all operations', operations: [] };
}

function classOf(kind: OperationKind, said: StatementClass): StatementClass {
  switch (kind) {
    case OperationKind.POINT_LOOKUP:
    case OperationKind.RANGE_SCAN:
      return StatementClass.READ;
    case OperationKind.INSERT:
    case OperationKind.UPDATE:
      return StatementClass.WRITE;
    default:
      return said;
  }
}

/** The sets of operations that a question of their own is needed for: not all, and not a single one. */
export function subsets(wanted: readonly Objective[]): string[][] {
  const found = new Map(wanted.filter((one) => one.operations.length > 1).map((one) => [subsetKey(one.operations), [...one.operations]]));
  return [...found.values()];
}

export function subsetKey(operations: readonly string[]): string {
  return operations.join(' ');
}

/** Every percentile that an objective names, once. */
export function percentilesOf(wanted: readonly Objective[]): number[] {
  return [...new Set(wanted.flatMap((one) => (one.limit.kind === 'latency' ? [one.limit.percentile] : [])))];
}

/** `measured` is the measurement so far, `special` the answers for `subsets`. */
export function standing(
  one: Objective,
  measured: PhaseTotal | undefined,
  special: ReadonlyMap<string, PhaseTotal>,
): Standing {
  const total = totalOf(one, measured, special);
  const found = total && total.due > 0 ? measuredOf(one.limit, total) : undefined;
  const share = found && shareOf(one.limit, found.most);
  return {
    name: one.name,
    about: one.about,
    limit: limitText(one.limit),
    measured: found ? measuredText(one.limit, found) : '–',
    state: found ? stateOf(one.limit, found) : 'no data',
    share,
    aborts: one.aborts,
  };
}

const VERDICTS: Partial<Record<Verdict, Standing['state']>> = {
  [Verdict.PASS]: 'met',
  [Verdict.FAIL]: 'not met',
  [Verdict.INCONCLUSIVE]: 'inconclusive',
};

/** How objectives stand by the report, which has one for each in their order. A measured value below 0 is none. */
export function judged(wanted: readonly Objective[], slos: readonly SloReport[]): Standing[] {
  return wanted.map(({ name, about, limit, aborts }, index) => {
    const slo = slos[index];
    const measured = slo && slo.measured >= 0 ? exactly(slo.measured) : undefined;
    return {
      name,
      about,
      limit: limitText(limit),
      measured: measured ? measuredText(limit, measured) : '–',
      state: (slo && VERDICTS[slo.verdict]) ?? 'no data',
      share: measured && shareOf(limit, measured.most),
      aborts,
    };
  });
}

/** What was measured lies between the two; they are the same where it is known exactly. */
interface Measured {
  least: number;
  most: number;
}

function stateOf(limit: Limit, { least, most }: Measured): Standing['state'] {
  if (shareOf(limit, least) > 1) {
    return 'not met';
  }
  return shareOf(limit, most) >= NEAR ? 'near' : 'met';
}

function totalOf(one: Objective, measured: PhaseTotal | undefined, special: ReadonlyMap<string, PhaseTotal>): Total | undefined {
  if (one.operations.length > 1) {
    return special.get(subsetKey(one.operations))?.total;
  }
  const [name] = one.operations;
  return name === undefined ? measured?.total : measured?.operations.find((operation) => operation.name === name);
}

function measuredOf(limit: Limit, total: Total): Measured | undefined {
  switch (limit.kind) {
    case 'latency':
      return latencyOf(limit.percentile, total);
    case 'errors':
      return exactly((total.due - total.succeeded) / total.due);
    case 'throughput':
      return exactly(total.perS);
  }
}

function exactly(value: number): Measured {
  return { least: value, most: value };
}

/**
 * The percentile of all that were due, as the report judges it: one without a result counts as slower than every one that
 * has one. So it is a higher percentile of those that succeeded; the next known one is at least that.
 */
function latencyOf(percentile: number, total: Total): Measured | undefined {
  const least = total.percentiles.get(percentile);
  const wanted = (percentile * total.due) / total.succeeded;
  if (wanted > 100) {
    return exactly(Infinity);
  }
  if (least === undefined) {
    return undefined;
  }
  if (total.due === total.succeeded) {
    return exactly(least);
  }
  const above = [...total.percentiles].filter(([one]) => one >= wanted).map(([, us]) => us);
  return { least, most: Math.min(total.maxUs, ...above) };
}

function shareOf(limit: Limit, value: number): number {
  switch (limit.kind) {
    case 'latency':
      return value / limit.us;
    case 'errors':
      return limit.ratio > 0 ? value / limit.ratio : value > 0 ? Infinity : 0;
    case 'throughput':
      return value > 0 ? limit.perS / value : Infinity;
  }
}

function limitText(limit: Limit): string {
  switch (limit.kind) {
    case 'latency':
      return `p${limit.percentile} at most ${latency(limit.us)}`;
    case 'errors':
      return `at most ${percent(limit.ratio)} failed`;
    case 'throughput':
      return `at least ${rate(limit.perS)}`;
  }
}

function measuredText(limit: Limit, { least, most }: Measured): string {
  switch (limit.kind) {
    case 'latency':
      return most === Infinity ? 'too many failed' : least === most ? latency(most) : `${latency(least)} to ${latency(most)}`;
    case 'errors':
      return percent(most);
    case 'throughput':
      return rate(most);
  }
}

