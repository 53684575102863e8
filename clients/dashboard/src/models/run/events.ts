import type { Mark } from '../../charts/types';
import { RunEventKind, type RunEvent } from '../../lib/pb';
import { plain, type Tone } from '../../lib/words';

/** Something that happened in a run. */
export interface EventView {
  sequence: number;
  timeUs: number;
  kind: string;
  tone: Tone;
  message: string;
  shard: number | undefined;
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
  };
}

/** Whether an event says something of the load: a command to the workers, or the loss of one. */
export function isSteering(event: EventView): boolean {
  return event.kind === 'control' || event.kind === 'error';
}

/** A command to the workers, as its event tells it: `command 3: SET_TARGET 200 per second, at 1700000000000000 us`. */
interface Command {
  action: string;
  atUs: number;
}

const COMMAND = /^command \d+: (.+), at (\d+) us$/;
const LEVEL = /(\d+(?:\.\d+)?) (?:connections|per second)/;

function command(event: EventView): Command | undefined {
  const found = event.kind === 'control' ? COMMAND.exec(event.message) : null;
  return found ? { action: found[1] ?? '', atUs: Number(found[2]) } : undefined;
}

/** What is worth a line across the charts: the load was changed, a worker was lost. Starts and phases are bands. */
export function marks(events: readonly EventView[]): Mark[] {
  return events.flatMap((event) => {
    if (event.kind === 'error') {
      return [{ at: event.timeUs / 1e6, name: event.shard === undefined ? 'error' : `shard ${event.shard} lost` }];
    }
    const told = command(event);
    const name = word(told?.action);
    return name ? [{ at: (told?.atUs ?? event.timeUs) / 1e6, name }] : [];
  });
}

function word(action: string | undefined): string | undefined {
  if (!action || action.startsWith('START') || action.startsWith('SET_PHASE')) {
    return undefined;
  }
  const step = /^STEP (\d+)/.exec(action);
  if (step) {
    return `step ${step[1] ?? ''}`;
  }
  const amount = LEVEL.exec(action);
  return amount ? amount[0] : action.split(',')[0]?.toLowerCase();
}

/** The offered load from each instant on, in the order of time; 0 while it is paused. */
export function offered(events: readonly EventView[], planned: number): { atUs: number; amount: number }[] {
  const changes = [{ atUs: 0, amount: planned }];
  let level = planned;
  for (const event of events) {
    const told = command(event);
    if (!told) {
      continue;
    }
    const amount = LEVEL.exec(told.action);
    level = amount ? Number(amount[1]) : level;
    if (amount || told.action === 'RESUME') {
      changes.push({ atUs: told.atUs, amount: level });
    } else if (told.action === 'PAUSE') {
      changes.push({ atUs: told.atUs, amount: 0 });
    }
  }
  return changes;
}

/** Half of the shortest stretch: what was offered in its middle stands for it. */
const HALF_US = 500_000;

/** The offered load of the stretches that begin at each x (seconds). */
export function offeredAt(changes: readonly { atUs: number; amount: number }[], x: readonly number[]): number[] {
  let at = 0;
  return x.map((seconds) => {
    while ((changes[at + 1]?.atUs ?? Infinity) <= seconds * 1e6 + HALF_US) {
      at += 1;
    }
    return changes[at]?.amount ?? 0;
  });
}
