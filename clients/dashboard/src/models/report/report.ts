import {
  StatementClass,
  type Evidence,
  type LatencySummary,
  type OperationReport,
  type Report,
  type Run,
  type Slo,
  type SloReport,
} from '../../lib/pb';
import { searchResultView, type SearchResultView } from './search';
import { latency, percent, rate } from '../../lib/format';
import { phase, plain, validity, verdict, type Word } from '../../lib/words';

/** Percentiles of one operation, microseconds. */
export interface LatencyView {
  min: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  p999: number;
  max: number;
}

/** One operation, or all together. */
export interface OperationView {
  name: string;
  isTotal: boolean;
  succeeded: number;
  failed: number;
  cut: number;
  dropped: number;
  rows: number;
  /** Operations that succeeded, per second. */
  throughput: number;
  /** Failed, cut and dropped, as a share of all. */
  errorRatio: number;
  response: LatencyView;
  service: LatencyView;
  lag: LatencyView;
}

/** One objective. */
export interface SloView {
  name: string;
  scope: string;
  verdict: Word;
  measured: string;
  limit: string;
  samples: number;
  samplesNeeded: number;
  message: string;
}

/** One attempt. */
export interface ShardView {
  key: string;
  shard: number;
  attempt: number;
  worker: string;
  succeeded: number;
  p50: number;
  p99: number;
  straggler: boolean;
  clockUncertaintyUs: number;
}

/** What the target says of one phase. */
export interface EvidenceView {
  phase: string;
  lengthUs: number;
  statements: { operation: string; calls: number; meanUs: number; rows: number; hitRatio: number | undefined }[];
  counters: { name: string; value: number }[];
  waits: { name: string; sessions: number; share: number }[];
  relations: { name: string; kind: string; bytes: number; grownBytes: number }[];
}

/** A report as the page shows it. */
export interface ReportView {
  validity: Word;
  verdict: Word;
  reasons: { code: string; message: string }[];
  measuredUs: number;
  warmupOperations: number;
  /** 0 for a closed loop. */
  offered: number;
  /** 0 when the price is not known. */
  cost: number;
  operations: OperationView[];
  total: OperationView;
  slos: SloView[];
  errors: { key: string; operation: string; class: string; code: string; message: string; count: number }[];
  reconciliations: {
    key: string;
    table: string;
    shard: number;
    attempt: number;
    counted: number;
    uncertain: number;
    found: number;
    unreported: number;
  }[];
  /** Absent without a search. */
  search: SearchResultView | undefined;
  shards: ShardView[];
  startSkewUs: number;
  phaseSkewUs: number;
  clockUncertaintyUs: number;
  evidence: EvidenceView[];
  /** Why there is none, or less of it. */
  evidenceNotes: string[];
  settings: { name: string; value: string }[];
  gauntletVersion: string;
  targetVersion: string;
  workers: string[];
  createdUs: number;
}

/** The page's view of a report; the run's spec knows what kind of limit each objective has. */
export function reportView(report: Report, run: Run | undefined): ReportView {
  const limits = run?.spec?.slos ?? [];
  const total = operation(report.total, true);
  return {
    validity: validity(report.validity),
    verdict: verdict(report.verdict),
    reasons: report.reasons.map(({ code, message }) => ({ code, message })),
    measuredUs: Number(report.measuredUs),
    warmupOperations: Number(report.warmupOperations),
    offered: report.offeredPerS,
    cost: report.cost,
    operations: report.operations.map((one) => operation(one, false)),
    total,
    slos: report.slos.map((one, index) => slo(one, limits[index]?.limit.case)),
    errors: report.errors.map((one, index) => ({
      key: String(index),
      operation: one.operation,
      class: one.class,
      code: one.code,
      message: one.message,
      count: Number(one.count),
    })),
    reconciliations: report.reconciliations.map((one) => ({
      key: `${one.table}/${one.shard}/${one.attempt}`,
      table: one.table,
      shard: one.shard,
      attempt: one.attempt,
      counted: Number(one.counted),
      uncertain: Number(one.uncertain),
      found: Number(one.found),
      unreported: Number(one.unreported),
    })),
    search: report.search && searchResultView(report.search),
    shards: report.shards.map((one) => ({
      key: `${one.shard}/${one.attempt}`,
      shard: one.shard,
      attempt: one.attempt,
      worker: one.worker,
      succeeded: Number(one.succeeded),
      p50: one.responseP50Us,
      p99: one.responseP99Us,
      straggler: one.straggler,
      clockUncertaintyUs: Number(one.clockUncertaintyUs),
    })),
    startSkewUs: Number(report.startSkewUs),
    phaseSkewUs: Number(report.phaseSkewUs),
    clockUncertaintyUs: Number(report.clockUncertaintyUs),
    evidence: evidence(report.evidence),
    evidenceNotes: [report.evidence?.message ?? '', ...(report.evidence?.skipped ?? [])].filter((note) => note !== ''),
    settings: (report.evidence?.settings ?? []).map(({ name, value }) => ({ name, value })),
    gauntletVersion: report.environment?.gauntletVersion ?? '',
    targetVersion: report.environment?.targetVersion ?? '',
    workers: report.environment?.workers ?? [],
    createdUs: Number(report.createdUs),
  };
}

function operation(one: OperationReport | undefined, isTotal: boolean): OperationView {
  const succeeded = Number(one?.succeeded ?? 0n);
  const failed = Number(one?.failed ?? 0n);
  const cut = Number(one?.cut ?? 0n);
  const dropped = Number(one?.dropped ?? 0n);
  const lost = failed + cut + dropped;
  const all = succeeded + lost;
  return {
    name: isTotal ? 'total' : (one?.operation ?? ''),
    isTotal,
    succeeded,
    failed,
    cut,
    dropped,
    rows: Number(one?.rows ?? 0n),
    throughput: one?.throughputPerS ?? 0,
    errorRatio: all === 0 ? 0 : lost / all,
    response: latencies(one?.response),
    service: latencies(one?.service),
    lag: latencies(one?.lag),
  };
}

function latencies(one: LatencySummary | undefined): LatencyView {
  return {
    min: one?.minUs ?? 0,
    mean: one?.meanUs ?? 0,
    p50: one?.p50Us ?? 0,
    p95: one?.p95Us ?? 0,
    p99: one?.p99Us ?? 0,
    p999: one?.p999Us ?? 0,
    max: one?.maxUs ?? 0,
  };
}

type LimitKind = Slo['limit']['case'];

function slo(one: SloReport, kind: LimitKind): SloView {
  const write = unit(kind);
  return {
    name: one.name,
    scope: scope(one),
    verdict: verdict(one.verdict),
    measured: write(one.measured),
    limit: write(one.limit),
    samples: Number(one.samples),
    samplesNeeded: Number(one.samplesNeeded),
    message: one.message,
  };
}

/** Which operations an objective limits. */
function scope(one: SloReport): string {
  if (one.operation !== '') {
    return one.operation;
  }
  if (one.class !== StatementClass.UNSPECIFIED) {
    return `${plain(StatementClass[one.class])}s`;
  }
  return one.label === '' ? 'all operations' : `label ${one.label}`;
}

/** The report says what was measured as a bare number; a negative one says that there is none. */
function unit(kind: LimitKind): (value: number) => string {
  const units = { latency, maxErrorRatio: percent, minThroughputPerS: rate };
  const write = kind === undefined ? String : units[kind];
  return (value) => (value < 0 ? '–' : write(value));
}

function evidence(all: Evidence | undefined): EvidenceView[] {
  return (all?.periods ?? []).map((period) => ({
    phase: phase(period.phase),
    lengthUs: Number(period.toUs - period.fromUs),
    statements: period.statements.map((one) => {
      const pages = Number(one.pagesHit + one.pagesRead);
      return {
        operation: one.operation,
        calls: Number(one.calls),
        meanUs: one.meanUs,
        rows: Number(one.rows),
        hitRatio: pages === 0 ? undefined : Number(one.pagesHit) / pages,
      };
    }),
    counters: period.counters.map(({ name, value }) => ({ name, value })),
    waits: period.waits.map((one) => ({
      name: one.event === '' ? one.kind : `${one.kind} / ${one.event}`,
      sessions: one.sessions,
      share: one.share,
    })),
    relations: period.relations.map((one) => ({
      name: one.name,
      kind: one.kind,
      bytes: Number(one.bytes),
      grownBytes: Number(one.grownBytes),
    })),
  }));
}
