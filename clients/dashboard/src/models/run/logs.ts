import { LogLevel, type LogLine } from '../../lib/pb';
import { plain, type Tone } from '../../lib/words';

/** More lines are not kept in the page; the oldest go. */
export const MOST_LINES = 2_000;

/** The levels that one may ask for, the wordiest first. */
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LevelName = (typeof LEVELS)[number];

/** A line of a run's log. */
export interface LineView {
  sequence: number;
  timeUs: number;
  level: LevelName;
  tone: Tone;
  /** `control plane`, or the start of the worker's id. */
  source: string;
  shard: number | undefined;
  message: string;
}

/** The level of the API that a word stands for; `info` for a word that is none. */
export function levelOf(word: string | null): LogLevel {
  switch (word) {
    case 'debug':
      return LogLevel.DEBUG;
    case 'warn':
      return LogLevel.WARN;
    case 'error':
      return LogLevel.ERROR;
    default:
      return LogLevel.INFO;
  }
}

const TONES: Partial<Record<LogLevel, Tone>> = {
  [LogLevel.WARN]: 'warn',
  [LogLevel.ERROR]: 'bad',
};

export function lineView(line: LogLine): LineView {
  return {
    sequence: Number(line.sequence),
    timeUs: Number(line.timeUs),
    level: LEVELS.find((word) => word === plain(LogLevel[line.level])) ?? 'info',
    tone: TONES[line.level] ?? 'neutral',
    source: line.workerId === '' ? 'control plane' : `worker ${line.workerId.slice(-8)}`,
    shard: line.shard,
    message: line.message,
  };
}

/** The newest lines, bounded by `MOST_LINES`. */
export interface Log {
  lines: readonly LineView[];
  /** Lines that are not in the page: gone at the server, or beyond the bound. */
  missing: number;
  /** The sequence that is read up to: of the newest line, or of the last one that is gone. */
  readTo: number;
}

export const EMPTY_LOG: Log = { lines: [], missing: 0, readTo: 0 };

/** In the order of time: the server stores what workers say as it comes. Lines of the same instant stay in theirs. */
export function byTime(lines: readonly LineView[]): LineView[] {
  return lines.toSorted((one, other) => one.timeUs - other.timeUs || one.sequence - other.sequence);
}

/** Adds lines that come after those that are there. */
export function append(log: Log, fresh: readonly LineView[]): Log {
  const unknown = fresh.filter((line) => line.sequence > log.readTo);
  const all = [...log.lines, ...unknown];
  const beyond = Math.max(0, all.length - MOST_LINES);
  return { lines: all.slice(beyond), missing: log.missing + beyond, readTo: unknown.at(-1)?.sequence ?? log.readTo };
}

/** Passes over lines that are gone at the server. */
export function skip(log: Log, lines: number): Log {
  return { ...log, missing: log.missing + lines, readTo: log.readTo + lines };
}
