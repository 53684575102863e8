import { count, rate } from '../../lib/format';
import { type Load, type LoadLevel, type Run, RunPhase, RunStatus, Validity, Verdict } from '../../lib/pb';
import { isOver, phase, status, validity, verdict, type Word } from '../../lib/words';

/** A run as a line of the list. Instants are microseconds since the Unix epoch; 0 for not yet. */
export interface RunRow {
  id: string;
  project: string;
  name: string;
  template: string;
  templateVersion: number;
  status: Word;
  /** What the load does, or what the run waits for; empty when it does nothing. */
  phase: string;
  isActive: boolean;
  phaseFromUs: number;
  /** When the phase ends by itself; 0 when that is not known. */
  phaseToUs: number;
  /** Absent before there is a report. */
  verdict: Word | undefined;
  validity: Word | undefined;
  workers: string;
  createdUs: number;
  startedUs: number;
  endedUs: number;
  labels: readonly { key: string; value: string }[];
  /** Why it ended, in words. */
  reason: string;
  /** The level that somebody gave it while it ran; empty when nobody did. */
  level: string;
  /** What it was made with, in a few words. */
  load: string;
  /** Grows with every change. */
  revision: number;
  can: { start: boolean; stop: boolean; rerun: boolean; remove: boolean };
}

export function toRow(run: Run): RunRow {
  const prepared = run.status === RunStatus.PREPARED;
  const over = isOver(run.status);
  const active = !prepared && !over;
  return {
    id: run.runId,
    project: run.project,
    name: run.name,
    template: run.template,
    templateVersion: run.templateVersion,
    status: run.paused && active ? { text: 'paused', tone: 'warn' } : status(run.status),
    phase: doing(run, active),
    isActive: active,
    phaseFromUs: Number(run.phaseStartedUs),
    phaseToUs: active ? Number(run.phaseEndsUs) : 0,
    verdict: run.verdict === Verdict.UNSPECIFIED ? undefined : verdict(run.verdict),
    validity: run.validity === Validity.UNSPECIFIED ? undefined : validity(run.validity),
    workers: workersOf(run, active),
    createdUs: Number(run.createdUs),
    startedUs: Number(run.startedUs),
    endedUs: Number(run.endedUs),
    labels: Object.entries(run.labels)
      .map(([key, value]) => ({ key, value }))
      .sort((one, other) => one.key.localeCompare(other.key)),
    reason: over ? run.stopMessage : '',
    level: run.level ? levelText(run.level) : '',
    load: loadText(run.load, run.findsMax),
    revision: Number(run.revision),
    can: { start: prepared, stop: active, rerun: over, remove: prepared || over },
  };
}

/** How far the phase is, 0 to 1; nothing when its end is not known. */
export function progress(row: RunRow, nowUs: number): number | undefined {
  if (row.phaseToUs <= row.phaseFromUs) {
    return undefined;
  }
  return Math.min(1, Math.max(0, (nowUs - row.phaseFromUs) / (row.phaseToUs - row.phaseFromUs)));
}

/** How long the run has lasted, or did; microseconds. */
export function lasted(row: RunRow, nowUs: number): number {
  return row.startedUs === 0 ? 0 : Math.max(0, (row.endedUs || nowUs) - row.startedUs);
}

/** A load in a few words: `open · 500/s`, `closed · 8 connections`. */
export function loadText(load: Load | undefined, search: boolean): string {
  const mode = load?.mode;
  const found = search ? 'find max · ' : '';
  switch (mode?.case) {
    case 'rate':
      return search ? `${found}rate` : `open · ${rate(mode.value.perSecond)}`;
    case 'concurrency':
      return search ? `${found}connections` : `closed · ${count(mode.value.connections)} conn.`;
    default:
      return '';
  }
}

function levelText({ level }: LoadLevel): string {
  switch (level.case) {
    case 'perSecond':
      return rate(level.value);
    case 'connections':
      return `${count(level.value)} conn.`;
    default:
      return '';
  }
}

function doing(run: Run, active: boolean): string {
  if (!active) {
    return '';
  }
  if (run.queuePosition > 0) {
    return `waits for workers, place ${run.queuePosition}`;
  }
  return run.phase === RunPhase.UNSPECIFIED ? '' : phase(run.phase);
}

function workersOf(run: Run, active: boolean): string {
  if (run.shardsTotal === 0) {
    return '–';
  }
  return active && run.shardsReady < run.shardsTotal ? `${run.shardsReady} of ${run.shardsTotal}` : String(run.shardsTotal);
}
