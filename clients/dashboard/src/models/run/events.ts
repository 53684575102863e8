import type { Mark } from '../../charts/types';
import { latency } from '../../lib/format';
import { ControlAction, RunEventKind, type ControlCommand, type PhaseEntry, type RunEvent } from '../../lib/pb';
import { plain, type Tone } from '../../lib/words';
import { level, levelText, type Level } from './level';
import { phaseName } from './run';

/** Something that happened in a run. */
export interface EventView {
  sequence: number;
  timeUs: number;
  kind: string;
  tone: Tone;
  message: string;
  shard: number | undefined;
  /** Absent for what is no command, and from servers before commands were typed: their charts have no marks, and the planned load. */
  command: CommandView | undefined;
  /** The phase that a worker entered; absent for all else. */
  entered: EntryView | undefined;
}

/** A worker's entry into a phase. */
export interface EntryView {
  phase: string;
  /** When, microseconds since the Unix epoch. */
  atUs: number;
  /** It came later than the others. */
  isJoined: boolean;
}

/** A command to the workers. */
export interface CommandView {
  /** `start`, `set phase`, `set target`, `step`, `pause`, `resume` or `stop`. */
  action: string;
  /** When it takes effect, microseconds since the Unix epoch. */
  atUs: number;
  /** The phase that begins; empty when none does. */
  phase: string;
  /** The load from then on. */
  level: Level | undefined;
  /** Of a search, counted from 1. */
  step: number;
}

const TONES: Partial<Record<RunEventKind, Tone>> = {
  [RunEventKind.ERROR]: 'bad',
  [RunEventKind.CONTROL]: 'busy',
};

export function eventView(event: RunEvent): EventView {
  return {
    sequence: Number(event.sequence),
    timeUs: Number(event.timeUs),
    kind: plain(RunEventKind[event.kind]),
    tone: TONES[event.kind] ?? 'neutral',
    message: event.message,
    shard: event.shard,
    command: event.command && commandView(event.command),
    entered: event.entered && entryView(event.entered),
  };
}

function entryView(entry: PhaseEntry): EntryView {
  return { phase: phaseName(entry.phase)?.toLowerCase() ?? '', atUs: Number(entry.atUs), isJoined: entry.joined };
}

function commandView(command: ControlCommand): CommandView {
  return {
    action: plain(ControlAction[command.action]),
    atUs: Number(command.atUs),
    phase: phaseName(command.phase)?.toLowerCase() ?? '',
    level: level(command.level),
    step: command.step,
  };
}

/** What happened, for people: a command by what it does and when, an entry by when it was. */
export function eventText({ command, entered, message, timeUs }: EventView): string {
  if (entered) {
    const told = latency(Math.max(0, timeUs - entered.atUs));
    return `${entered.isJoined ? 'joined' : 'entered'} the ${entered.phase}, ${told} earlier`;
  }
  return command ? `${commandText(command)}, ${latency(Math.max(0, command.atUs - timeUs))} later` : message;
}

function commandText(command: CommandView): string {
  switch (command.action) {
    case 'start':
      return `the load begins with the ${command.phase}`;
    case 'set phase':
      return `the ${command.phase} begins`;
    case 'set target':
      return `the load becomes ${levelText(command.level)}`;
    case 'step':
      return `step ${command.step} begins: ${levelText(command.level)}`;
    case 'pause':
      return 'the load pauses';
    case 'resume':
      return 'the load goes on';
    case 'stop':
      return 'the load ends';
    default:
      return command.action;
  }
}

/** Whether an event says something of the load: a command to the workers, or the loss of one. */
export function isSteering(event: EventView): boolean {
  return event.kind === 'control' || event.kind === 'error';
}

/** What is worth a line across the charts: the load was changed, a worker was lost. Starts and phases are bands. */
export function marks(events: readonly EventView[]): Mark[] {
  return events.flatMap((event) => {
    if (event.kind === 'error') {
      return [{ at: event.timeUs / 1e6, name: event.shard === undefined ? 'error' : `error in shard ${event.shard}` }];
    }
    const name = word(event.command);
    return event.command && name ? [{ at: event.command.atUs / 1e6, name }] : [];
  });
}

function word(command: CommandView | undefined): string | undefined {
  switch (command?.action) {
    case 'pause':
    case 'resume':
    case 'stop':
      return command.action;
    case 'step':
      return `step ${command.step}`;
    case 'set target':
      return levelText(command.level);
    default:
      return undefined;
  }
}

/** The offered load from an instant on; 0 while it is paused, and after its end. */
export interface Offer {
  atUs: number;
  amount: number;
}

const SWITCHES: ReadonlyMap<string, 'on' | 'off'> = new Map([
  ['pause', 'off'],
  ['resume', 'on'],
  ['stop', 'off'],
]);

/** The offered load in the order of time. */
export function offered(events: readonly EventView[], planned: number): Offer[] {
  const changes = [{ atUs: 0, amount: planned }];
  let amount = planned;
  let isSilent = false;
  for (const { command } of events) {
    if (!command || !(command.level || SWITCHES.has(command.action))) {
      continue;
    }
    // What is paused stays so when its level changes.
    isSilent = command.level ? isSilent : SWITCHES.get(command.action) === 'off';
    amount = command.level?.amount ?? amount;
    changes.push({ atUs: command.atUs, amount: isSilent ? 0 : amount });
  }
  return changes;
}

/** Half of the shortest stretch: what was offered in its middle stands for it. */
const HALF_US = 500_000;

/** The offered load of the stretches that begin at each x (seconds). */
export function offeredAt(changes: readonly Offer[], x: readonly number[]): number[] {
  let at = 0;
  return x.map((seconds) => {
    while ((changes[at + 1]?.atUs ?? Infinity) <= seconds * 1e6 + HALF_US) {
      at += 1;
    }
    return changes[at]?.amount ?? 0;
  });
}
