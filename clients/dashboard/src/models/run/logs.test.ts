import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { LogLevel, LogLineSchema } from '../../lib/pb';
import { append, byTime, EMPTY_LOG, levelOf, lineView, MOST_LINES, skip, type Log } from './logs';

function line(sequence: number) {
  return lineView(create(LogLineSchema, { sequence: BigInt(sequence), level: LogLevel.WARN, message: 'm' }));
}

test('lines that come again are not shown twice', () => {
  const log = append(append(EMPTY_LOG, [line(1), line(2)]), [line(2), line(3)]);
  expect(log.lines.map((one) => one.sequence)).toEqual([1, 2, 3]);
});

test('the oldest lines go, and are counted with those that the server lost', () => {
  const many = Array.from({ length: MOST_LINES + 5 }, (_, index) => line(index + 1));
  const log = append(EMPTY_LOG, many);
  expect([log.lines.length, log.lines[0]?.sequence, log.missing]).toEqual([MOST_LINES, 6, 5]);
  expect(skip(log, 7).missing).toBe(12);
});

test('what the server has lost is counted once, however often it is asked', () => {
  /** An answer of a server that keeps the lines after a sequence, none of them of the level that is asked for. */
  const asked = (log: Log, lost: number): Log => (lost > log.readTo ? skip(log, lost - log.readTo) : log);
  let log = append(EMPTY_LOG, [line(1), line(3)]);
  for (const lost of [2, 5_000, 5_000, 5_000, 5_010]) {
    log = asked(log, lost);
  }
  expect([log.missing, log.readTo, log.lines.length]).toEqual([5_007, 5_010, 2]);
  expect(append(log, [line(5_011)]).readTo).toBe(5_011);
});

test('lines are shown in the order of time, whoever came first', () => {
  const at = (sequence: number, timeUs: number) => ({ ...line(sequence), timeUs });
  const shown = byTime([at(1, 27), at(2, 26), at(4, 26), at(3, 30)]);
  expect(shown.map((one) => one.sequence)).toEqual([2, 4, 1, 3]);
});

test('a line says where it is from', () => {
  expect(line(1)).toMatchObject({ level: 'warn', tone: 'warn', source: 'control plane' });
  const workers = lineView(create(LogLineSchema, { workerId: '01a1faaf-8fcc-7502-b529-d75ebd5ed84d', shard: 0 }));
  expect(workers).toMatchObject({ source: 'worker bd5ed84d', shard: 0 });
});

test.each([
  [null, LogLevel.INFO],
  ['debug', LogLevel.DEBUG],
  ['error', LogLevel.ERROR],
  ['nonsense', LogLevel.INFO],
])('level %s', (word, level) => {
  expect(levelOf(word)).toBe(level);
});
