import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';

import {
  CatalogTableSchema,
  Launcher,
  OperationKind,
  ParameterSchema,
  PoolOrder,
  ScalingMode,
  SloSchema,
  StatementClass,
  TemplateSpecSchema,
  WorkerLossPolicy,
} from '../../lib/pb';

import { scopeOf, scopes, withScope } from './scope';
import { tableNamed, tablesView } from './tables';
import { mixInWords, specView } from './view';
import { controlInWords, durationInWords, limitInWords, parameterInWords, scopeInWords } from './words';

test('a spec as a page shows it', () => {
  const view = specView(
    create(TemplateSpecSchema, {
      target: 'db',
      table: 't',
      operations: [
        { kind: OperationKind.RANGE_SCAN, weight: 60, parameters: [{ generator: { case: 'uniform', value: { min: 1n, max: 10n } } }] },
        { name: 'own', kind: OperationKind.SQL, class: StatementClass.WRITE, weight: 40, sql: 'DELETE FROM t', label: 'rare' },
      ],
      load: { mode: { case: 'concurrency', value: { connections: 4, thinkTime: { nanos: 1_000_000 } } } },
      phases: { measurement: { seconds: 10n } },
      slos: [{ limit: { case: 'maxErrorRatio', value: 0.001 }, abortOnFail: true }],
    }),
  );
  expect(view).toEqual({
    description: '',
    target: 'db',
    table: 't',
    key: 'id',
    load: 'closed loop: 4 connections, 1 worker, 1.00 ms pause after each operation',
    loadMode: 'closed loop',
    level: '4 connections',
    workers: '1 worker',
    duration: '10 s',
    operations: [
      { name: 'range-scan', kind: 'range scan', weight: 60, writes: false, label: '', what: 't, up to 100 rows', isSql: false, parameters: ['uniform 1 to 10'] },
      { name: 'own', kind: 'sql', weight: 40, writes: true, label: 'rare', what: 'DELETE FROM t', isSql: true, parameters: [] },
    ],
    objectives: [{ name: '', scope: 'all operations', limit: 'errors at most 0.1 %', ends: true }],
    control: [],
  });
  expect(mixInWords(view)).toBe('range-scan 60\u00a0%, own 40\u00a0%');
});

test('a spec that is not there is shown as nothing', () => {
  expect(specView(undefined).operations).toEqual([]);
});

test('control options, only those that are said', () => {
  const rows = controlInWords(
    create(TemplateSpecSchema, {
      search: { method: { case: 'linear', value: { increment: 50 } }, step: { seconds: 5n }, maxLevel: 2_000 },
      scaling: { mode: ScalingMode.BOUNDED, maxWorkers: 4 },
      guardrails: {},
      workerLoss: WorkerLossPolicy.REPLACE,
      launcher: Launcher.LOCAL,
      workerLabels: { zone: 'b', disk: 'fast' },
      operationTimeout: { seconds: 5n },
      seed: 7n,
    }),
  );
  expect(rows.map(({ name, value }) => `${name}: ${value}`)).toEqual([
    'search: for the highest level: increments of 50, steps of 5 s, up to 2,000',
    'scaling: bounded, at most 4 workers',
    'guardrails: hard',
    'when a worker is lost: replace',
    'workers: started by the control plane, ended with the run',
    'worker labels: disk=fast, zone=b',
    'operation timeout: 5 s',
    'seed: 7',
  ]);
});

test('a warmup until steady may be shorter', () => {
  const { phases } = create(TemplateSpecSchema, { phases: { warmup: { seconds: 60n }, measurement: { seconds: 30n }, untilSteady: {} } });
  expect(durationInWords(phases)).toBe('up to 1 min 30 s (warmup until steady, at most 1 min, measurement 30 s)');
});

test.each([
  [{ case: 'zipf' as const, value: { min: 1n, max: 100_000n, exponent: 0.99 } }, 'zipf 1 to 100,000, exponent 0.99'],
  [{ case: 'sequential' as const, value: { min: -5n, max: 5n } }, 'sequential -5 to 5'],
  [{ case: 'text' as const, value: { length: 120 } }, 'text of 120 letters'],
  [{ case: 'pool' as const, value: { pool: 'names', order: PoolOrder.SEQUENTIAL } }, 'pool names, sequential'],
  [{ case: 'literal' as const, value: { value: { case: 'text' as const, value: 'x' } } }, 'always "x"'],
  [{ case: 'literal' as const, value: { value: { case: 'null' as const, value: true } } }, 'always NULL'],
])('a parameter in words: %#', (generator, words) => {
  expect(parameterInWords(create(ParameterSchema, { generator }))).toBe(words);
});

test.each([
  [create(SloSchema, { class: StatementClass.READ, limit: { case: 'minThroughputPerS', value: 490 } }), 'throughput at least 490/s', 'reads'],
  [create(SloSchema, { label: 'hot', limit: { case: 'latency', value: { percentile: 95, max: { nanos: 250_000 } } } }), 'p95 at most 250 µs', 'hot'],
])('an objective in words: %#', (slo, limit, scope) => {
  expect([limitInWords(slo), scopeInWords(slo)]).toEqual([limit, scope]);
});

describe('what an objective looks at', () => {
  test('is one choice', () => {
    expect(scopeOf({ operation: 'a' })).toBe('operation:a');
    expect(scopeOf({ class: 'read' })).toBe('class:read');
    expect(scopeOf({ name: 'x' })).toBe('');
    expect(withScope({ name: 'x', operation: 'a' }, 'label:hot')).toEqual({ name: 'x', label: 'hot' });
    expect(withScope({ name: 'x', operation: 'a' }, '')).toEqual({ name: 'x' });
  });

  test('are the operations, their classes and their groups', () => {
    const doc = { operations: [{ kind: 'point_lookup' }, { name: 'b', kind: 'sql', label: 'hot' }, { kind: 'insert', label: 'hot' }] };
    expect(scopes(doc).map((option) => option.value)).toEqual([
      '',
      'operation:point-lookup',
      'operation:b',
      'operation:insert',
      'class:read',
      'class:write',
      'label:hot',
    ]);
  });
});

test('a table is found by its path, or by its name', () => {
  const tables = tablesView([
    create(CatalogTableSchema, { path: 'public.a', name: 'a', columns: [{ name: 'id', type: 'bigint', primaryKeyPosition: 1 }, { name: 'v', type: 'text' }] }),
    create(CatalogTableSchema, { path: 'public.b', name: 'b', columns: [{ name: 'x', type: 'text', primaryKeyPosition: 1 }] }),
  ]);
  expect(tableNamed(tables, 'a')).toEqual({ path: 'public.a', name: 'a', columns: ['id', 'v'], key: 'id' });
  expect(tableNamed(tables, 'public.b')?.key).toBe('');
  expect(tableNamed(tables, 'c')).toBeUndefined();
});
