import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { RunEventKind, RunEventSchema } from '../../lib/pb';
import { eventView, marks, offered, offeredAt } from './events';

function event(kind: RunEventKind, message: string, timeUs = 1n, shard?: number) {
  return eventView(create(RunEventSchema, { sequence: 1n, timeUs, kind, message, ...(shard === undefined ? {} : { shard }) }));
}

const { CONTROL, ERROR, PHASE } = RunEventKind;

const told = [
  event(PHASE, 'WARMUP'),
  event(CONTROL, 'command 1: START in WARMUP, at 1000000 us'),
  event(CONTROL, 'command 2: SET_TARGET 12.5 per second split 1:3, at 2000000 us'),
  event(CONTROL, 'command 3: PAUSE, at 3000000 us'),
  event(CONTROL, 'command 4: RESUME, at 4000000 us'),
  event(CONTROL, 'command 5: STEP 3: 64 connections, window 10 s, at 5000000 us'),
  event(ERROR, 'LOST on a: gone', 6_000_000n, 2),
  event(CONTROL, 'command 6: STOP, drain within 10000 ms, at 7000000 us'),
];

test('commands and losses are marks at the instant that they hold from', () => {
  expect(marks(told)).toEqual([
    { at: 2, name: '12.5 per second' },
    { at: 3, name: 'pause' },
    { at: 4, name: 'resume' },
    { at: 5, name: 'step 3' },
    { at: 6, name: 'shard 2 lost' },
    { at: 7, name: 'stop' },
  ]);
});

test('the offered load follows commands and pauses', () => {
  expect(offered(told, 100)).toEqual([
    { atUs: 0, amount: 100 },
    { atUs: 2_000_000, amount: 12.5 },
    { atUs: 3_000_000, amount: 0 },
    { atUs: 4_000_000, amount: 12.5 },
    { atUs: 5_000_000, amount: 64 },
  ]);
  expect(offeredAt(offered(told, 100), [0, 1.6, 3, 4.2, 9])).toEqual([100, 12.5, 0, 12.5, 64]);
});

test('a message that is no command is no mark', () => {
  expect(marks([event(CONTROL, 'something else')])).toEqual([]);
});
