import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';

import { LoadSchema, RunPhase, RunSchema, RunStatus, Validity, Verdict } from '../../lib/pb';
import { lasted, loadText, progress, toRow } from './row';

const RUNNING = {
  runId: 'r1',
  name: 'demo-1',
  status: RunStatus.RUNNING,
  phase: RunPhase.MEASUREMENT,
  phaseStartedUs: 1_000n,
  phaseEndsUs: 3_000n,
  startedUs: 500n,
  shardsReady: 1,
  shardsTotal: 2,
  revision: 4n,
};

describe('a run as a line of the list', () => {
  it('runs', () => {
    const row = toRow(create(RunSchema, RUNNING));
    expect(row.status).toEqual({ text: 'running', tone: 'busy' });
    expect(row.phase).toBe('measurement');
    expect(row.workers).toBe('1 of 2');
    expect(row.can).toEqual({ start: false, stop: true, rerun: false, remove: false });
    expect(row.verdict).toBeUndefined();
    expect([0, 2_000, 9_000].map((now) => progress(row, now))).toEqual([0, 0.5, 1]);
    expect(lasted(row, 2_500)).toBe(2_000);
  });

  it('has a load', () => {
    const load = { mode: { case: 'rate' as const, value: { perSecond: 500, connections: 4 } } };
    expect(toRow(create(RunSchema, { ...RUNNING, load })).load).toBe('open · 500/s');
    expect(toRow(create(RunSchema, { ...RUNNING, load, findsMax: true })).load).toBe('find max · rate');
    expect(toRow(create(RunSchema, RUNNING)).load).toBe('');
  });

  it('is over', () => {
    const row = toRow(
      create(RunSchema, {
        ...RUNNING,
        status: RunStatus.STOPPED,
        phase: RunPhase.DONE,
        endedUs: 1_500n,
        stopMessage: 'too many errors',
        verdict: Verdict.FAIL,
        validity: Validity.INVALID,
        labels: { b: '2', a: '1' },
      }),
    );
    expect(row.can).toEqual({ start: false, stop: false, rerun: true, remove: true });
    expect([row.phase, row.reason, row.workers]).toEqual(['', 'too many errors', '2']);
    expect([row.verdict?.text, row.validity?.text]).toEqual(['FAIL', 'INVALID']);
    expect(row.labels.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(progress(row, 2_000)).toBeUndefined();
    expect(lasted(row, 99_000)).toBe(1_000);
  });

  it('waits in the queue, is paused, is prepared', () => {
    expect(toRow(create(RunSchema, { ...RUNNING, queuePosition: 2 })).phase).toBe('waits for workers, place 2');
    expect(toRow(create(RunSchema, { ...RUNNING, paused: true })).status.text).toBe('paused');
    const prepared = toRow(create(RunSchema, { status: RunStatus.PREPARED }));
    expect(prepared.can).toEqual({ start: true, stop: false, rerun: false, remove: true });
    expect(lasted(prepared, 5)).toBe(0);
  });
});

describe('a load in a few words', () => {
  const closed = create(LoadSchema, { mode: { case: 'concurrency', value: { connections: 8 } } });
  const open = create(LoadSchema, { mode: { case: 'rate', value: { perSecond: 500, connections: 4 } } });

  it.each([
    [closed, false, 'closed · 8 conn.'],
    [open, false, 'open · 500/s'],
    [closed, true, 'find max · connections'],
    [open, true, 'find max · rate'],
    [undefined, false, ''],
  ] as const)('%#', (load, search, text) => {
    expect(loadText(load, search)).toBe(text);
  });
});
