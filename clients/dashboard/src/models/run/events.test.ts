import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { ControlAction, ControlCommandSchema, RunEventKind, RunEventSchema, RunPhase } from '../../lib/pb';
import { eventText, eventView, marks, offered, offeredAt } from './events';

const { START, SET_PHASE, SET_TARGET, STEP, PAUSE, RESUME, STOP } = ControlAction;

function event(kind: RunEventKind, parts: { second?: number; shard?: number; message?: string } = {}) {
  const { second = 0, ...rest } = parts;
  return eventView(create(RunEventSchema, { sequence: 1n, timeUs: BigInt(second * 1e6), kind, ...rest }));
}

/** Its effect is at the second, told a little before. */
function command(second: number, action: ControlAction, parts: MessageInitShape<typeof ControlCommandSchema> = {}) {
  const told = create(ControlCommandSchema, { ...parts, sequence: 1n, atUs: BigInt(second * 1e6), action });
  return eventView(create(RunEventSchema, { sequence: 1n, timeUs: told.atUs - 400n, kind: RunEventKind.CONTROL, command: told }));
}

const perSecond = (value: number) => ({ level: { level: { case: 'perSecond', value } } }) as const;

const told = [
  event(RunEventKind.PHASE, { message: 'WARMUP' }),
  command(1, START, { phase: RunPhase.WARMUP }),
  command(1.5, SET_PHASE, { phase: RunPhase.MEASUREMENT }),
  command(2, SET_TARGET, perSecond(12.5)),
  command(3, PAUSE),
  command(4, RESUME),
  command(5, STEP, { step: 3, level: { level: { case: 'connections', value: 64 } } }),
  event(RunEventKind.ERROR, { second: 6, shard: 2 }),
  command(7, STOP),
];

test('commands and losses are marks at the instant that they hold from', () => {
  expect(marks(told)).toEqual([
    { at: 2, name: '12.5/s' },
    { at: 3, name: 'pause' },
    { at: 4, name: 'resume' },
    { at: 5, name: 'step 3' },
    { at: 6, name: 'error in shard 2' },
    { at: 7, name: 'stop' },
  ]);
});

test('a worker enters a phase before it is told', () => {
  const entry = (joined: boolean) =>
    eventView(
      create(RunEventSchema, {
        timeUs: 5_001_200n,
        kind: RunEventKind.WORKER,
        message: 'in words',
        entered: { phase: RunPhase.MEASUREMENT, atUs: 5_000_000n, joined },
      }),
    );
  expect([entry(false), entry(true)].map(eventText)).toEqual(['entered the measurement, 1.20 ms earlier', 'joined the measurement, 1.20 ms earlier']);
  expect(eventText(event(RunEventKind.WORKER, { message: 'ASSIGNED on w' }))).toBe('ASSIGNED on w');
});

test('events are told in words', () => {
  expect(told.map(eventText)).toEqual([
    'WARMUP',
    'the load begins with the warmup, 400 µs later',
    'the measurement begins, 400 µs later',
    'the load becomes 12.5/s, 400 µs later',
    'the load pauses, 400 µs later',
    'the load goes on, 400 µs later',
    'step 3 begins: 64 connections, 400 µs later',
    '',
    'the load ends, 400 µs later',
  ]);
});

test('the offered load follows commands and pauses', () => {
  expect(offered(told, 100)).toEqual([
    { atUs: 0, amount: 100 },
    { atUs: 2_000_000, amount: 12.5 },
    { atUs: 3_000_000, amount: 0 },
    { atUs: 4_000_000, amount: 12.5 },
    { atUs: 5_000_000, amount: 64 },
    { atUs: 7_000_000, amount: 0 },
  ]);
  expect(offeredAt(offered(told, 100), [0, 1.6, 3, 4.2, 5, 9])).toEqual([100, 12.5, 0, 12.5, 64, 0]);
});

test('a level that comes while the load is paused holds when it goes on', () => {
  const changed = [command(1, PAUSE), command(2, SET_TARGET, perSecond(50)), command(3, RESUME)];
  expect(offered(changed, 100).map(({ amount }) => amount)).toEqual([100, 0, 0, 50]);
});

test('an event of a server that does not type its commands is no mark, and the load is the planned one', () => {
  const untyped = [event(RunEventKind.CONTROL, { message: 'command 2: SET_TARGET 12.5 per second, at 2000000 us' })];
  expect([marks(untyped), offered(untyped, 100)]).toEqual([[], [{ atUs: 0, amount: 100 }]]);
});
