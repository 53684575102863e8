import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { AttemptStatus, ShardSchema, WorkerSchema } from '../../lib/pb';
import { attemptViews, workerView } from './shards';

const { LOST, RUNNING } = AttemptStatus;

function shard(index: number, attempts: [status: AttemptStatus, firstUs: number][]) {
  return create(ShardSchema, {
    index,
    attempts: attempts.map(([status, first], at) => ({
      number: at + 1,
      workerId: `w${index}`,
      status,
      firstOperationUs: BigInt(first),
    })),
  });
}

const worker = workerView(create(WorkerSchema, { workerId: 'w1', name: 'one', runIds: ['a', 'b'] }));

test('attempts come by shard, the newest first, each with its worker and skew', () => {
  const made = attemptViews([shard(0, [[LOST, 100], [RUNNING, 900]]), shard(1, [[RUNNING, 150]]), shard(2, [[RUNNING, 0]])], [worker]);
  expect(made.map((one) => [one.key, one.isNewest, one.isLive, one.skewUs, one.worker?.name])).toEqual([
    ['0.2', true, true, undefined, undefined],
    ['0.1', false, false, 0, undefined],
    ['1.1', true, true, 50, 'one'],
    ['2.1', true, true, undefined, undefined],
  ]);
});

test('a worker tells of other runs', () => {
  expect(worker.otherRuns).toBe(1);
});
