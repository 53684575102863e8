import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';

import { WorkerSchema, WorkerStatus } from '../../lib/pb';
import { NOBODY, ordered, told } from './crew';
import { fleet, workerView, type WorkerView } from './view';

const worker = (name: string, parts: Parameters<typeof create<typeof WorkerSchema>>[1] = {}): WorkerView =>
  workerView(create(WorkerSchema, { workerId: name, name, status: WorkerStatus.IDLE, ...parts }));

describe('a worker', () => {
  it('serves a run', () => {
    const view = worker('local-1', {
      status: WorkerStatus.BUSY,
      runId: 'r1',
      clockOffsetUs: -71n,
      clockUncertaintyUs: 297n,
      memoryBytes: 20_971_520n,
      operationsPerS: 1_234.5,
      labels: { zone: 'b', disk: 'ssd' },
    });
    expect(view).toMatchObject({
      isAttached: true,
      canDrain: true,
      runs: ['r1'],
      clock: '−71.0 µs ± 297 µs',
      memory: '21.0 MB',
      rate: '1,235/s',
    });
    expect(view.labels.map(({ key }) => key)).toEqual(['disk', 'zone']);
  });

  it.each([
    [WorkerStatus.DRAINING, true, false],
    [WorkerStatus.LOST, false, false],
    [WorkerStatus.GONE, false, false],
  ])('in state %d', (status, isAttached, canDrain) => {
    expect(worker('a', { status })).toMatchObject({ isAttached, canDrain, clock: 'not measured yet', memory: '–', rate: '–' });
  });
});

describe('all workers', () => {
  it('are summed up, those that left aside', () => {
    const all = [
      worker('a', { capacity: 10, reserved: 4, cpu: 0.2, runIds: ['r'], operationsPerS: 5 }),
      worker('b', { capacity: 10, cpu: 0.5, backlog: 3n }),
      worker('c', { capacity: 99, status: WorkerStatus.LOST }),
    ];
    expect(fleet(all)).toEqual({ attached: 2, busy: 1, capacity: 20, reserved: 4, perSecond: 5, cpu: '50 %', backlog: 3 });
    expect(fleet([]).cpu).toBe('–');
  });
});

describe('a watch of workers', () => {
  const names = (crew: typeof NOBODY): string => ordered(crew).map(({ name }) => name).join(' ');
  const came = (name: string, status = WorkerStatus.IDLE) => ({ kind: 'worker' as const, worker: worker(name, { status }) });

  it('is complete with its snapshot; attached workers come first, numbers in their order', () => {
    const first = [came('w10'), came('w2'), came('w1', WorkerStatus.GONE)].reduce(told, NOBODY);
    expect([names(first), first.isComplete]).toEqual(['w2 w10 w1', false]);
    expect(told(first, { kind: 'snapshot' }).isComplete).toBe(true);
  });

  it('forgets who left an hour ago', () => {
    const seen = (name: string, status: WorkerStatus, seenUs: bigint) => ({ kind: 'worker' as const, worker: worker(name, { status, seenUs }) });
    const before = [seen('old', WorkerStatus.LOST, 1n), seen('young', WorkerStatus.GONE, 2n), seen('there', WorkerStatus.IDLE, 1n)];
    const crew = [...before, seen('new', WorkerStatus.IDLE, 3_600_000_001n)].reduce(told, NOBODY);
    expect(names(crew)).toBe('new there young');
  });

  it('forgets after a resync who is not in the new snapshot, and shows them until then', () => {
    const before = [came('a'), came('b'), { kind: 'snapshot' as const }].reduce(told, NOBODY);
    const during = [{ kind: 'resync' as const }, came('b'), came('c')].reduce(told, before);
    expect(names(during)).toBe('a b c');
    expect(names(told(during, { kind: 'snapshot' }))).toBe('b c');
  });
});
