import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { RunPhase, RunSchema, RunStatus } from '../../lib/pb';
import { runView } from './run';
import { timeline } from './timeline';

const seconds = (value: number) => ({ seconds: BigInt(value), nanos: 0 });

function run(parts: Partial<Omit<MessageInitShape<typeof RunSchema>, '$typeName'>>) {
  const spec = { operations: [], phases: { warmup: seconds(10), measurement: seconds(60) } };
  return runView(create(RunSchema, { spec, startedUs: 1_000_000n, ...parts }));
}

test('counts down by the time of the server', () => {
  const made = timeline(
    run({ status: RunStatus.RUNNING, phase: RunPhase.WARMUP, phaseStartedUs: 2_000_000n, phaseEndsUs: 12_000_000n }),
    7_000_000,
  );
  expect(made.stages.map((stage) => [stage.name, stage.state, stage.done])).toEqual([
    ['preparing', 'past', 1],
    ['warmup', 'now', 0.5],
    ['measurement', 'next', 0],
    ['cooldown', 'next', 0],
    ['processing', 'next', 0],
    ['done', 'next', 0],
  ]);
  expect([made.stages[1]?.leftUs, made.elapsedUs, made.leftUs]).toEqual([5_000_000, 6_000_000, 65_000_000]);
});

test.each([
  ['prepared', { status: RunStatus.PREPARED }, 'Prepared; nothing is sent before it is started.'],
  ['queued', { status: RunStatus.STARTING, queuePosition: 3 }, 'Waits for free workers: place 3 in the queue.'],
  ['starting', { status: RunStatus.STARTING, shardsReady: 1, shardsTotal: 4 }, 'Workers connect to the target: 1 of 4 ready.'],
  ['paused', { status: RunStatus.RUNNING, phase: RunPhase.MEASUREMENT, paused: true }, 'Paused: nothing is due until it is resumed.'],
  ['draining', { status: RunStatus.STOPPING, phase: RunPhase.COOLDOWN }, 'Nothing new is due; operations in flight end.'],
  ['failed', { status: RunStatus.FAILED, stopMessage: 'no worker' }, 'Ended: no worker.'],
])('%s says why it waits', (_, parts, reason) => {
  expect(timeline(run(parts), 1).reason).toBe(reason);
});

test('without a warmup there is no such stage', () => {
  const made = runView(create(RunSchema, { spec: { phases: { measurement: seconds(1) } } }));
  expect(timeline(made, 0).stages.map((stage) => stage.name)).not.toContain('warmup');
});
