import { isOver, phase, plain, status, stopReason, validity, verdict, type Word } from '../../lib/words';
import { ProcessingStatus, RunPhase, RunStatus, type Run, type TemplateSpec } from '../../lib/pb';
import { level, plannedLevel, type Level } from './level';
import { searchView, type SearchView } from './search';

/** The phases of a run, in their order. */
export const PHASES = ['PREPARING', 'WARMUP', 'MEASUREMENT', 'COOLDOWN', 'PROCESSING', 'DONE'] as const;
export type PhaseName = (typeof PHASES)[number];

/** A run as its page shows it. Times are microseconds since the Unix epoch, 0 when they are not known. */
export interface RunView {
  id: string;
  project: string;
  name: string;
  template: string;
  templateVersion: number;
  target: string;
  labels: readonly (readonly [string, string])[];
  notes: string;
  etag: string;
  rerunOf: string;
  revision: number;
  status: Word;
  /** `undefined` before the start. */
  phase: PhaseName | undefined;
  phaseText: string;
  phaseStartedUs: number;
  phaseEndsUs: number;
  startedUs: number;
  endedUs: number;
  warmupUs: number;
  measurementUs: number;
  /** The warmup may end before its time. */
  untilSteady: boolean;
  shardsReady: number;
  shardsTotal: number;
  queuePosition: number;
  paused: boolean;
  isPrepared: boolean;
  isStarting: boolean;
  isUnderLoad: boolean;
  isEnding: boolean;
  isOver: boolean;
  stopReason: string;
  stopMessage: string;
  processing: 'pending' | 'running' | 'completed' | 'failed' | 'skipped';
  verdict: Word;
  validity: Word;
  hasVerdict: boolean;
  /** The level of the template. */
  planned: Level | undefined;
  /** The level in force. */
  level: Level | undefined;
  isSearch: boolean;
  search: SearchView | undefined;
  /** Names of operations, in the template's order. */
  operations: readonly string[];
}

/** A message without its spec keeps that of the run as it was known. */
export function runView(run: Run, spec: TemplateSpec | undefined = run.spec): RunView {
  const planned = plannedLevel(spec);
  const search = searchView(run.search);
  const under = run.status === RunStatus.RUNNING;
  return {
    id: run.runId,
    project: run.project,
    name: run.name,
    template: run.template,
    templateVersion: run.templateVersion,
    target: spec?.target ?? '',
    labels: Object.entries(run.labels).toSorted(([left], [right]) => left.localeCompare(right)),
    notes: run.notes,
    etag: run.etag,
    rerunOf: run.rerunOf,
    revision: Number(run.revision),
    status: status(run.status),
    phase: phaseName(run.phase),
    phaseText: phase(run.phase),
    phaseStartedUs: Number(run.phaseStartedUs),
    phaseEndsUs: Number(run.phaseEndsUs),
    startedUs: Number(run.startedUs),
    endedUs: Number(run.endedUs),
    warmupUs: durationUs(spec?.phases?.warmup),
    measurementUs: durationUs(spec?.phases?.measurement),
    untilSteady: spec?.phases?.untilSteady !== undefined,
    shardsReady: run.shardsReady,
    shardsTotal: run.shardsTotal,
    queuePosition: run.queuePosition,
    paused: run.paused,
    isPrepared: run.status === RunStatus.PREPARED,
    isStarting: run.status === RunStatus.STARTING,
    isUnderLoad: under,
    isEnding: run.status === RunStatus.STOPPING || run.status === RunStatus.CANCELLING,
    isOver: isOver(run.status),
    stopReason: stopReason(run.stopReason),
    stopMessage: run.stopMessage,
    processing: processing(run.processing),
    verdict: verdict(run.verdict),
    validity: validity(run.validity),
    hasVerdict: run.validity !== 0,
    planned,
    level: search?.current?.level ?? level(run.level) ?? planned,
    isSearch: spec?.search !== undefined,
    search,
    operations: spec?.operations.map((one) => one.name) ?? [],
  };
}

/** The phase that a message names; `undefined` before the first. */
export function phaseName(value: RunPhase): PhaseName | undefined {
  const name = RunPhase[value];
  return PHASES.find((one) => one === name);
}

/** A duration of the API in microseconds; 0 when it is absent. */
export function durationUs(value: { seconds: bigint; nanos: number } | undefined): number {
  return value ? Number(value.seconds) * 1_000_000 + Math.round(value.nanos / 1_000) : 0;
}

function processing(value: ProcessingStatus): RunView['processing'] {
  const words = ['pending', 'running', 'completed', 'failed', 'skipped'] as const;
  return words.find((word) => word === plain(ProcessingStatus[value])) ?? 'pending';
}
